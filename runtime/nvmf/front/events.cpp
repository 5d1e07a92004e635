#include "runtime/nvmf/front/events.hpp"

#include <algorithm>
#include <utility>

namespace nvtee::nvmf {
namespace {

constexpr std::uint8_t kTypeImmediate = 3, kTypeOneShot = 4;  // never masked (Base §5.1.2)

std::uint32_t result_of(const AsyncEvent& e) {
  return std::uint32_t{e.type} | (std::uint32_t{e.info} << 8) | (std::uint32_t{e.log_page} << 16);
}

}  // namespace

bool EventQueue::submit(std::uint16_t cid) {
  if (requests_.size() >= kMaxRequests) return false;
  requests_.push_back(cid);
  return true;
}

bool EventQueue::holds(std::uint16_t cid) const {
  return std::ranges::find(requests_, cid) != requests_.end();
}

bool EventQueue::known(const AsyncEvent& event) const {
  return std::ranges::any_of(entries_, [&](const Entry& e) {
    return e.event.type == event.type && e.event.info == event.info && e.event.log_page == event.log_page;
  });
}

void EventQueue::raise(const AsyncEvent& event) {
  if (!known(event) && entries_.size() < kMaxEvents) entries_.push_back({event, false});
}

std::vector<EventQueue::Entry> EventQueue::log_read(std::uint8_t log_page) {
  std::vector<Entry> forgotten;
  std::erase_if(entries_, [&](const Entry& e) {
    if (e.event.log_page != log_page) return false;
    forgotten.push_back(e);
    return true;
  });
  return forgotten;
}

void EventQueue::restore(const std::vector<Entry>& forgotten) {
  for (const Entry& e : forgotten)
    if (!known(e.event)) entries_.push_back(e);
}

std::optional<EventQueue::Completion> EventQueue::next() {
  if (requests_.empty()) return {};
  const auto entry = std::ranges::find(entries_, false, &Entry::reported);
  if (entry == entries_.end()) return {};
  const AsyncEvent event = entry->event;
  if (event.type == kTypeImmediate || event.type == kTypeOneShot)
    entries_.erase(entry);
  else
    entry->reported = true;
  const std::uint16_t cid = requests_.front();
  requests_.erase(requests_.begin());
  return Completion{cid, result_of(event)};
}

std::vector<std::uint16_t> EventQueue::reset() {
  entries_.clear();
  return std::exchange(requests_, {});
}

}  // namespace nvtee::nvmf
