// Virtual time: things that happen at a time, in the order of their times; ties in the order in which they
// were asked for. Nothing is allocated once the heap has grown.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>
#include <utility>
#include <vector>

#include "runtime/base/time.hpp"

namespace nvtee::cluster {

class Agenda {
 public:
  Time now = 10 * kSecond;
  std::uint64_t count = 0;  // things that happened

  // `what` is copied as bytes: capture numbers and pointers only.
  template <class F>
  void at(Time when, F what) {
    static_assert(sizeof(F) <= sizeof(Item::capture) && alignof(F) <= 8 && std::is_trivially_copyable_v<F> &&
                  std::is_trivially_destructible_v<F>);
    Item& item = put(std::max(when, now));
    new (item.capture) F(what);
    item.run = [](void* capture) { (*std::launder(static_cast<F*>(capture)))(); };
  }
  template <class F>
  void in(Duration d, F what) {
    at(now + d, what);
  }
  Time next_time() const { return heap_.empty() ? kNever : heap_.front().at; }
  bool run_one() {
    if (heap_.empty()) return false;
    std::pop_heap(heap_.begin(), heap_.end(), later);
    const Key key = heap_.back();
    heap_.pop_back();
    now = key.at;
    ++count;
    Item item = pool_[key.item];  // its place may be used again while it runs
    free_.push_back(key.item);
    item.run(item.capture);
    return true;
  }

 private:
  struct Item {
    void (*run)(void*) = nullptr;
    alignas(8) std::byte capture[56];
  };
  struct Key {
    Time at;
    std::uint64_t order;
    std::uint32_t item;
  };
  static bool later(const Key& a, const Key& b) { return a.at != b.at ? a.at > b.at : a.order > b.order; }
  Item& put(Time when) {
    std::uint32_t i;
    if (free_.empty()) {
      i = static_cast<std::uint32_t>(pool_.size());
      pool_.emplace_back();
    } else {
      i = free_.back();
      free_.pop_back();
    }
    heap_.push_back({when, next_++, i});
    std::push_heap(heap_.begin(), heap_.end(), later);
    return pool_[i];
  }
  std::vector<Key> heap_;
  std::vector<Item> pool_;
  std::vector<std::uint32_t> free_;
  std::uint64_t next_ = 0;
};

}  // namespace nvtee::cluster
