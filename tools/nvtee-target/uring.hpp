// io_uring in a reactor: work that was started in a turn is submitted with one system call at its end.
#pragma once

#include <liburing.h>

#include <memory>

#include "runtime/base/result.hpp"
#include "runtime/net/reactor.hpp"
#include "runtime/net/socket.hpp"

namespace nvtee::target {

// One request at a time; owned by the caller, who keeps it and its memory alive until on_cqe().
class UringTask {
 public:
  virtual void fill(io_uring_sqe& sqe) = 0;  // io_uring_prep_...; user data is set by the ring
  virtual void on_cqe(int result) = 0;       // result: as the system call's, or -errno. May start() again

 protected:
  ~UringTask() = default;

 private:
  friend class Uring;
  UringTask* next_ = nullptr;
};

class Uring final : private net::FdHandler, private net::Deferred {
 public:
  // `entries`: most requests in the kernel at once; more wait in order.
  static Result<std::unique_ptr<Uring>> create(net::Reactor& reactor, unsigned entries = 512);
  ~Uring();
  Uring(const Uring&) = delete;
  Uring& operator=(const Uring&) = delete;

  void start(UringTask& task);
  bool idle() const { return in_flight_ == 0 && !first_; }
  // Blocks until idle, calling on_cqe() as things finish. For shutdown: the kernel must not write into freed
  // memory.
  void drain();

 private:
  explicit Uring(net::Reactor& reactor) : reactor_(reactor) {}
  void on_fd(std::uint32_t events) override;
  void on_deferred() override;
  void submit();
  void reap();

  net::Reactor& reactor_;
  io_uring ring_{};
  bool ring_live_ = false;
  net::Fd event_;
  unsigned limit_ = 0;
  unsigned in_flight_ = 0;
  UringTask* first_ = nullptr;  // not submitted yet
  UringTask* last_ = nullptr;
};

}  // namespace nvtee::target
