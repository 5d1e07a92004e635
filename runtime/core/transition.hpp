// A machine's transitions as one table: step() looks up (state, input) in it, the printout shows it, tests
// walk it. A pair that is not in the table cannot happen: looking it up stops the process, naming machine,
// state and input.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

#include "runtime/base/check.hpp"

namespace nvtee::core {

// Transitions of all machines on this thread: whoever composes machines runs them until this stands still.
inline thread_local std::uint64_t transitions_taken = 0;

template <class S, class I>
struct Transition {
  S from;
  I on;
  S to;
  const char* why;  // for people: what the transition means or does
};

// S and I: enums from 0 whose names are given in order.
template <class S, class I, std::size_t States, std::size_t Inputs, std::size_t Rows>
class TransitionTable {
 public:
  TransitionTable(const char* name, const std::array<const char*, States>& states,
                  const std::array<const char*, Inputs>& inputs, const Transition<S, I> (&rows)[Rows])
      : name_(name), states_(states), inputs_(inputs), rows_(rows) {
    for (auto& cell : index_) cell = kNone;
    for (std::size_t i = 0; i < Rows; ++i) {
      auto& cell = index_[at(rows[i].from, rows[i].on)];
      NVTEE_CHECK(cell == kNone, "one row for a state and an input");
      cell = static_cast<std::uint8_t>(i);
    }
  }

  bool handles(S from, I on) const { return index_[at(from, on)] != kNone; }

  S next(S from, I on) {
    const std::uint8_t row = index_[at(from, on)];
    if (row == kNone) [[unlikely]]
      check_failed(inputs_[static_cast<std::size_t>(on)], state_name(from), name_, 0);
    hits_[row].fetch_add(1, std::memory_order_relaxed);
    ++transitions_taken;
    return rows_[row].to;
  }

  const char* state_name(S s) const { return states_[static_cast<std::size_t>(s)]; }
  const char* input_name(I i) const { return inputs_[static_cast<std::size_t>(i)]; }
  const char* name() const { return name_; }

  // Markdown: one line a row; pairs that are missing are asserted impossible.
  std::string print() const {
    std::string out = std::string("### ") + name_ + "\n\n| state | input | next | |\n|---|---|---|---|\n";
    for (std::size_t i = 0; i < Rows; ++i)
      out += std::string("| ") + state_name(rows_[i].from) + " | " + input_name(rows_[i].on) + " | " +
             state_name(rows_[i].to) + " | " + rows_[i].why + " |\n";
    return out;
  }
  // Rows that no test has taken so far, as "state x input" lines.
  std::string never_taken() const {
    std::string out;
    for (std::size_t i = 0; i < Rows; ++i)
      if (hits_[i].load(std::memory_order_relaxed) == 0)
        out += std::string(name_) + ": " + state_name(rows_[i].from) + " x " + input_name(rows_[i].on) + "\n";
    return out;
  }

 private:
  static constexpr std::uint8_t kNone = 0xff;
  static_assert(Rows < kNone);
  static std::size_t at(S s, I i) {
    return static_cast<std::size_t>(s) * Inputs + static_cast<std::size_t>(i);
  }

  const char* name_;
  std::array<const char*, States> states_;
  std::array<const char*, Inputs> inputs_;
  const Transition<S, I>* rows_;
  std::array<std::uint8_t, States * Inputs> index_{};
  std::array<std::atomic<std::uint32_t>, Rows> hits_{};
};

}  // namespace nvtee::core
