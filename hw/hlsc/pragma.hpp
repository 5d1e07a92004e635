// `#pragma HLS ...` lines of the preprocessed source.
#ifndef NVTEE_HW_HLSC_PRAGMA_HPP
#define NVTEE_HW_HLSC_PRAGMA_HPP

#include <map>
#include <string>
#include <vector>

#include "hw/hlsc/diag.hpp"

namespace hlsc {

struct Pragma {
  Loc loc;
  std::string kind;                         // "PIPELINE", upper case
  std::vector<std::string> words;           // options without a value, lower case
  std::map<std::string, std::string> args;  // option -> value, option in lower case

  bool has(const std::string& word) const;
  std::string get(const std::string& key, const std::string& otherwise = "") const;
  long number(const std::string& key, long otherwise) const;
};

// From text with line markers (`clang -E`). Unknown kinds are warned about and left out.
std::vector<Pragma> pragmas_of(const std::string& preprocessed, Warnings& warnings);

}  // namespace hlsc

#endif
