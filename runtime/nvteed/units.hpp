// Sizes and durations as people write them, identifiers as they are printed, and "did you mean".
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/base/time.hpp"

namespace nvtee::text {

// "4096", "512B", "16MiB", "2TiB" (powers of 1024) or "16MB" (powers of 1000); whole numbers only. Refuses
// "16M": it says neither.
Result<std::uint64_t> parse_size(std::string_view text);
// "100us", "250ms", "2s", "10min", "1h". A bare number is refused: it has no unit (except "0").
Result<Duration> parse_duration(std::string_view text);

// Exact and short: the largest unit that divides it ("16MiB", "1500MiB", "4097B"). parse_size reads it back
// to the same value.
std::string exact_size(std::uint64_t bytes);
std::string exact_duration(Duration duration);
// Rounded, for tables: "1.50 GiB", "3 d 4 h".
std::string human_size(std::uint64_t bytes);
std::string human_duration(Duration duration);

using Id16 = std::array<std::uint8_t, 16>;
// 32 hexadecimal digits, with or without dashes.
Result<Id16> parse_id16(std::string_view text);
std::string uuid_text(const Id16& id);   // 8-4-4-4-12
std::string nguid_text(const Id16& id);  // 32 digits
bool is_zero(const Id16& id);

// The candidate nearest to `word` by edit distance, when near enough to be a slip of the keyboard.
std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& candidates);

// 1 to 64 characters of A-Z a-z 0-9 . _ - beginning with a letter or digit: names of namespaces and peers
// (they stand in URLs, on command lines and in tables).
bool is_name(std::string_view text);
constexpr const char* kNameRule = "1 to 64 of A-Z a-z 0-9 . _ -, beginning with a letter or digit";

// A value in a log line: bare when it is one plain word, else in quotes with \" \\ \n escaped.
std::string log_value(std::string_view value);

}  // namespace nvtee::text
