#include "runtime/base/log.hpp"

#include <fmt/format.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <string>
#include <utility>

#include "runtime/base/limits.hpp"

namespace nvtee::log {

namespace {

std::atomic<std::uint64_t> last_second{0};

class Bounded final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  Bounded(spdlog::sink_ptr behind, unsigned rate, unsigned burst)
      : behind_(std::move(behind)), lines_(rate, burst), errors_(rate, burst) {}

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    const Time now = static_cast<Time>(message.time.time_since_epoch().count());
    Budget& budget = message.level >= spdlog::level::err ? errors_ : lines_;
    if (!budget.take(now)) return;
    count(now);
    if (const auto dropped = budget.take_dropped()) {
      const std::string text = fmt::format("log.dropped count={} text=\"too many lines at once\"", dropped);
      behind_->log(
          spdlog::details::log_msg(message.time, {}, message.logger_name, spdlog::level::warn, text));
    }
    behind_->log(message);
  }
  void flush_() override { behind_->flush(); }
  void set_pattern_(const std::string& pattern) override { behind_->set_pattern(pattern); }
  void set_formatter_(std::unique_ptr<spdlog::formatter> f) override { behind_->set_formatter(std::move(f)); }

 private:
  void count(Time now) {
    const Time second = now / kSecond;
    if (second != std::exchange(second_, second)) last_second = std::exchange(lines_now_, 0);
    ++lines_now_;
  }

  spdlog::sink_ptr behind_;
  Budget lines_, errors_;
  Time second_ = 0;
  std::uint64_t lines_now_ = 0;
};

}  // namespace

std::uint64_t recent_lines() {
  return last_second;
}

bool Budget::take(Time now) {
  if (now > last_) {
    const double gained = static_cast<double>(now - last_) * rate_ / kSecond;
    tokens_ = last_ == 0 ? burst_ : std::min<double>(burst_, tokens_ + gained);
    last_ = now;
  }
  if (tokens_ < 1) {
    ++dropped_;
    return false;
  }
  tokens_ -= 1;
  return true;
}

std::uint64_t Budget::take_dropped() {
  return std::exchange(dropped_, 0);
}

spdlog::sink_ptr bounded(spdlog::sink_ptr behind, unsigned rate, unsigned burst) {
  return std::make_shared<Bounded>(std::move(behind), rate, burst);
}

bool setup(const char* program, const char* level) {
  const auto parsed = spdlog::level::from_str(level);
  if (parsed == spdlog::level::off && std::string(level) != "off") return false;
  auto logger = std::make_shared<spdlog::logger>(
      program,
      bounded(std::make_shared<spdlog::sinks::stderr_color_sink_mt>(), limits::kLogRate, limits::kLogBurst));
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e %^%l%$ %n %v");
  logger->set_level(parsed);
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
  return true;
}

}  // namespace nvtee::log
