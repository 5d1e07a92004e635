// One direction of a TCP connection in virtual time: in order, late, clogged, cut, or closed.
#pragma once

#include <cstdint>
#include <deque>

#include "sim/cluster/agenda.hpp"
#include "sim/cluster/chance.hpp"

namespace nvtee::cluster {

struct Msg {
  std::uint8_t kind = 0;
  std::uint8_t flag = 0;
  std::uint16_t cid = 0;
  std::uint32_t a = 0;
  std::uint64_t b = 0;
};

class Pipe {
 public:
  class Receiver {
   public:
    virtual void arrived(Pipe& pipe, const Msg& msg) = 0;

   protected:
    ~Receiver() = default;
  };
  Pipe(Agenda& agenda, Chance& chance, Receiver* receiver)
      : agenda_(agenda), chance_(chance), receiver_(receiver) {}

  void send(const Msg& m) {
    if (closed_) return;
    last_ = std::max(last_, agenda_.now + chance_.between(kLeast, kLeast + jitter));
    queue_.push_back({m, last_});
    arm();
  }
  // Nothing arrives before `t`: a clog, a cut (kNever: until open()), a lost segment.
  void clog(Time t) {
    if (clogged_until_ <= agenda_.now) clogged_since_ = agenda_.now;
    clogged_until_ = std::max(clogged_until_, t);
  }
  void open() {
    clogged_until_ = agenda_.now;
    arm();
  }
  // The receiver does not read for now (a paused process); what arrives waits in its buffer.
  void hold(bool on) {
    held_ = on;
    if (!on) arm();
  }
  void close() {
    closed_ = true;
    queue_.clear();
  }
  bool closed() const { return closed_; }
  bool clogged() const { return agenda_.now < clogged_until_; }
  Duration clogged_for() const { return clogged() ? agenda_.now - clogged_since_ : 0; }
  // Something waits, unread, since before `t`.
  bool backlog() const { return !queue_.empty() && queue_.front().ready <= agenda_.now; }
  std::size_t waiting() const { return queue_.size(); }

  Duration jitter = 100 * kMicrosecond;
  std::uint64_t owner = 0;  // number of the connection

 private:
  static constexpr Duration kLeast = 15 * kMicrosecond;
  struct Item {
    Msg msg;
    Time ready;
  };
  void arm() {
    if (armed_ || held_ || queue_.empty()) return;
    armed_ = true;
    agenda_.at(
        std::max(queue_.front().ready, clogged_until_ == kNever ? agenda_.now + kLook : clogged_until_),
        [this] { fire(); });
  }
  void fire() {
    armed_ = false;
    if (closed_ || held_ || queue_.empty()) return;
    if (agenda_.now < clogged_until_ || agenda_.now < queue_.front().ready) return arm();
    const Msg m = queue_.front().msg;
    queue_.pop_front();
    arm();
    receiver_->arrived(*this, m);
  }
  static constexpr Duration kLook = 50 * kMillisecond;
  Agenda& agenda_;
  Chance& chance_;
  Receiver* receiver_;
  std::deque<Item> queue_;
  Time last_ = 0, clogged_until_ = 0, clogged_since_ = 0;
  bool armed_ = false, held_ = false, closed_ = false;
};

}  // namespace nvtee::cluster
