#include "sim/cluster/minimise.hpp"

#include <algorithm>

namespace nvtee::cluster {
namespace {

class Search {
 public:
  Search(const Plan& plan, const Result& first, unsigned most) : most_(most), property_(first.property) {
    best_.plan = plan;
    best_.result = first;
  }
  bool try_plan(const Plan& p) {
    if (best_.runs >= most_) return false;
    ++best_.runs;
    Result r = run_plan(p);
    if (r.failure.empty() || r.property != property_) return false;
    best_.plan = p;
    best_.result = std::move(r);
    return true;
  }
  void drop_faults() {
    for (std::size_t size = std::max<std::size_t>(best_.plan.faults.size() / 2, 1); size > 0; size /= 2)
      for (std::size_t at = 0; at < best_.plan.faults.size();) {
        Plan p = best_.plan;
        const auto from = p.faults.begin() + static_cast<long>(at);
        p.faults.erase(from, from + static_cast<long>(std::min(size, p.faults.size() - at)));
        if (!try_plan(p)) at += size;
      }
  }
  template <class F>
  void change(F f) {
    Plan p = best_.plan;
    f(p);
    (void)try_plan(p);
  }
  void drop_load() {
    while (best_.plan.setup.hosts > 1) {
      Plan p = best_.plan;
      --p.setup.hosts;
      if (!try_plan(p)) break;
    }
    change([](Plan& p) { p.setup.depth = 1; });
    change([](Plan& p) { p.setup.hot_blocks = 4; });
    change([](Plan& p) { p.setup.spares = 0; });
    for (int i = 0; i < 4; ++i) change([](Plan& p) { p.safety = p.safety * 2 / 3; });
  }
  Minimised take() { return std::move(best_); }

 private:
  Minimised best_;
  unsigned most_, property_;
};

}  // namespace

Minimised minimise(const Plan& plan, const Result& first, unsigned most) {
  Search s(plan, first, most);
  s.drop_faults();
  s.drop_load();
  s.drop_faults();
  return s.take();
}

}  // namespace nvtee::cluster
