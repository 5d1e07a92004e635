#include "tools/nvtee-target/uring.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>

#include "runtime/base/check.hpp"

namespace nvtee::target {

Result<std::unique_ptr<Uring>> Uring::create(net::Reactor& reactor, unsigned entries) {
  std::unique_ptr<Uring> u(new Uring(reactor));
  if (const int e = io_uring_queue_init(entries, &u->ring_, IORING_SETUP_CLAMP); e < 0)
    return fail_errno(
        "cannot set up io_uring", -e,
        "file and block backends need it: allow it (kernel.io_uring_disabled, container policy), "
        "or use a memory backend");
  u->ring_live_ = true;
  u->limit_ = entries;
  u->event_ = net::Fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!u->event_)
    return fail_errno("cannot create an event descriptor", errno, "raise the limit of open files");
  if (const int e = io_uring_register_eventfd(&u->ring_, u->event_.get()); e < 0)
    return fail_errno("cannot register the event descriptor with io_uring", -e);
  if (auto added = reactor.add(u->event_.get(), EPOLLIN, u.get()); !added) {
    u->event_.reset();
    return std::unexpected(added.error());
  }
  return u;
}

Uring::~Uring() {
  if (event_) reactor_.remove(event_.get(), this);
  if (!ring_live_) return;
  // Nobody is called any more, but the kernel must be done with the callers' memory.
  while (in_flight_ != 0) {
    io_uring_cqe* cqe = nullptr;
    if (io_uring_wait_cqe(&ring_, &cqe) == -EINTR) continue;
    if (!cqe) break;
    io_uring_cqe_seen(&ring_, cqe);
    --in_flight_;
  }
  io_uring_queue_exit(&ring_);
}

void Uring::start(UringTask& task) {
  task.next_ = nullptr;
  (last_ ? last_->next_ : first_) = &task;
  last_ = &task;
  reactor_.defer(this);
}

void Uring::submit() {
  while (first_ && in_flight_ < limit_) {
    io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
    if (!sqe) break;
    UringTask* task = first_;
    first_ = task->next_;
    if (!first_) last_ = nullptr;
    task->fill(*sqe);
    io_uring_sqe_set_data(sqe, task);
    ++in_flight_;
  }
  if (io_uring_sq_ready(&ring_) == 0) return;
  int e;
  do e = io_uring_submit(&ring_);
  while (e == -EINTR);
  // EAGAIN and EBUSY leave the entries in the ring; they go with the next submission.
  NVTEE_CHECK(e >= 0 || e == -EAGAIN || e == -EBUSY, "io_uring takes well-formed entries");
}

void Uring::reap() {
  io_uring_cqe* cqe = nullptr;
  while (io_uring_peek_cqe(&ring_, &cqe) == 0) {
    auto* task = static_cast<UringTask*>(io_uring_cqe_get_data(cqe));
    const int result = cqe->res;
    io_uring_cqe_seen(&ring_, cqe);
    --in_flight_;
    task->on_cqe(result);
  }
  if (first_ || io_uring_sq_ready(&ring_) != 0) reactor_.defer(this);
}

void Uring::on_fd(std::uint32_t) {
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t n = ::read(event_.get(), &count, sizeof count);
  reap();
}

void Uring::on_deferred() {
  submit();
  // What the page cache could answer is done already: its answers leave in this turn.
  reap();
}

void Uring::drain() {
  while (!idle()) {
    submit();
    io_uring_cqe* cqe = nullptr;
    const int e = io_uring_wait_cqe(&ring_, &cqe);
    NVTEE_CHECK(e == 0 || e == -EINTR, "io_uring completes what it took");
    reap();
  }
}

}  // namespace nvtee::target
