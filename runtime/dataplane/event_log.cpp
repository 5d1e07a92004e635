#include <chrono>
#include <utility>

#include "runtime/dataplane/node.hpp"

namespace nvtee {

void EventLog::add(core::Severity severity, std::string name, std::string ns, std::string text) {
  std::vector<std::function<void()>> tell;
  {
    const std::lock_guard lock(mutex_);
    OperatorEvent e;
    e.id = next_id_++;
    e.unix_ms = static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                               std::chrono::system_clock::now().time_since_epoch())
                                               .count());
    e.severity = severity;
    e.name = std::move(name);
    e.ns = std::move(ns);
    e.text = std::move(text);
    if (e.text.size() > limits::kEventText) e.text.replace(limits::kEventText - 3, std::string::npos, "...");
    events_.push_back(std::move(e));
    if (events_.size() > capacity_) events_.pop_front();
    for (const auto& [handle, f] : subscribers_) tell.push_back(f);
  }
  for (const auto& f : tell) f();
}

std::vector<OperatorEvent> EventLog::after(std::uint64_t after, std::size_t max) const {
  const std::lock_guard lock(mutex_);
  std::vector<OperatorEvent> out;
  for (const auto& e : events_) {
    if (e.id <= after) continue;
    if (out.size() == max) break;
    out.push_back(e);
  }
  return out;
}

std::uint64_t EventLog::last_id() const {
  const std::lock_guard lock(mutex_);
  return next_id_ - 1;
}

std::size_t EventLog::size() const {
  const std::lock_guard lock(mutex_);
  return events_.size();
}

unsigned EventLog::subscribe(std::function<void()> on_add) {
  const std::lock_guard lock(mutex_);
  subscribers_.emplace(next_handle_, std::move(on_add));
  return next_handle_++;
}

void EventLog::unsubscribe(unsigned handle) {
  const std::lock_guard lock(mutex_);
  subscribers_.erase(handle);
}

}  // namespace nvtee
