// What every fuzz target is made of: bytes in, and a rule that must hold whatever they are. fuzz_main.cpp
// does the rest.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <span>
#include <string>
#include <vector>

namespace nvtee::fuzz {

// The bytes, taken from the front; zeros when there are none left.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size)
      : bytes_(reinterpret_cast<const std::byte*>(data), size) {}
  template <class T>
  T take() {
    T v{};
    const std::size_t n = std::min(sizeof v, bytes_.size());
    if (n) std::memcpy(static_cast<void*>(&v), bytes_.data(), n);
    bytes_ = bytes_.subspan(n);
    return v;
  }
  std::span<const std::byte> bytes(std::size_t n) {
    const auto out = bytes_.first(std::min(n, bytes_.size()));
    bytes_ = bytes_.subspan(out.size());
    return out;
  }
  std::string text() const { return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()}; }
  std::span<const std::byte> rest() const { return bytes_; }
  bool more() const { return !bytes_.empty(); }

 private:
  std::span<const std::byte> bytes_;
};

// A seed is put together from values.
class Seed {
 public:
  template <class T>
  Seed& put(const T& v) {
    bytes_.append(reinterpret_cast<const char*>(&v), sizeof v);
    return *this;
  }
  Seed& text(const std::string& t) {
    bytes_ += t;
    return *this;
  }
  operator std::string() const { return bytes_; }

 private:
  std::string bytes_;
};
using Seeds = std::vector<std::string>;

inline void must(bool holds, const char* rule) {
  if (holds) return;
  std::cerr << "broken: " << rule << "\n";
  std::abort();
}

// Each target defines these two.
void one(Input in);
Seeds seeds();

}  // namespace nvtee::fuzz
