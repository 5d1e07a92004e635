// Tests only: a Node without an engine. It keeps what a test puts into it and writes down what it is asked.
#pragma once

#include <algorithm>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "runtime/dataplane/node.hpp"

namespace nvtee::test {

class FakeNode final : public Node {
 public:
  FakeNode();
  ~FakeNode() override;

  void status(std::function<void(NodeStatus)> done) override;
  void create_namespace(core::NamespaceSpec spec, std::vector<core::LegSpec> legs, bool assume_equal,
                        Done done) override;
  void delete_namespace(const std::string& name, Done done) override;
  void add_leg(const std::string& ns, core::LegSpec leg, Done done) override;
  void remove_leg(const std::string& ns, unsigned leg, Done done) override;
  void fault_leg(const std::string& ns, unsigned leg, Done done) override;
  void online_leg(const std::string& ns, unsigned leg, Done done) override;
  void verify(const std::string& ns, bool start, Done done) override;
  void set_resync_rate(std::uint64_t bytes_per_second, Done done) override;
  EventLog& events() override { return events_; }
  void drain(Done done) override;

  // Changes what status() reports.
  template <class F>
  void edit(F f) {
    const std::lock_guard lock(mutex_);
    f(status_);
  }
  void fail_next(Error error);   // the next operation is refused with it
  void set_silent(bool silent);  // nothing is answered any more
  void hang_drain();             // drain() is never answered
  std::vector<std::string> calls() const;
  static core::NamespaceStatus sample_namespace(const std::string& name,
                                                const std::vector<core::LegSpec>& legs);

 private:
  void call(std::string what, const Done& done);  // writes it down, answers on another thread
  void later(std::function<void()> f);
  mutable std::mutex mutex_;
  NodeStatus status_;
  std::vector<std::string> calls_;
  std::vector<std::thread> threads_;
  std::optional<Error> next_error_;
  bool silent_ = false, drain_hangs_ = false;
  EventLog events_{100};
};

}  // namespace nvtee::test
