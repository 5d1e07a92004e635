// A reactor and helpers for this folder's tests.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "runtime/base/check.hpp"
#include "runtime/net/reactor.hpp"
#include "runtime/nvmf/initiator/fake_peer.hpp"
#include "runtime/nvmf/initiator/queue.hpp"

namespace nvtee::nvmf {

struct TestLoop {
  std::unique_ptr<net::Reactor> reactor = std::move(*net::Reactor::create());

  // Turns the loop until `done` holds; false after the bound, which no working test comes near.
  bool until(const std::function<bool()>& done) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!done()) {
      if (std::chrono::steady_clock::now() > end) return false;
      reactor->turn(10 * kMillisecond);
    }
    return true;
  }
  void turns(unsigned n) {
    while (n-- != 0) reactor->turn(kMillisecond);
  }
};

// A queue's delegate with a few transfers, CID = index | generation << 12.
struct QueueUser final : InitiatorQueueDelegate {
  struct Slot {
    Transfer transfer;
    std::vector<std::byte> buffer;
    bool in_flight = false;
    unsigned answers = 0;
  };
  std::vector<Slot> slots = std::vector<Slot>(256);
  unsigned ups = 0, downs = 0, responses = 0;
  std::uint16_t cntlid = 0;
  std::string why;
  spec::Status refused = 0;
  std::function<void(InitiatorQueue&, Transfer&)> then;
  std::function<void()> then_down;
  unsigned generation = 0;

  void on_up(InitiatorQueue&, std::uint16_t id) override {
    ++ups;
    cntlid = id;
  }
  Transfer* find(InitiatorQueue&, std::uint16_t cid) override {
    Slot& s = slots[cid & 0xff];
    return s.in_flight && s.transfer.sqe.cid == cid ? &s.transfer : nullptr;
  }
  void on_response(InitiatorQueue& q, Transfer& t) override {
    Slot& s = slots[t.sqe.cid & 0xff];
    NVTEE_CHECK(s.in_flight && t.unsent == 0, "answered once, with nothing left to send");
    s.in_flight = false;
    ++s.answers;
    ++responses;
    if (then) then(q, t);
  }
  void on_down(InitiatorQueue&, const std::string& w, spec::Status r) override {
    ++downs;
    why = w;
    refused = r;
    if (then_down) then_down();
  }

  Transfer& prepare(unsigned slot, std::uint8_t opcode, std::uint64_t lba, std::uint32_t blocks,
                    std::uint32_t block_size = 512) {
    Slot& s = slots[slot];
    NVTEE_CHECK(!s.in_flight, "a free slot");
    s.in_flight = true;
    s.transfer = {};
    Transfer& t = s.transfer;
    t.sqe.opcode = opcode;
    t.sqe.nsid = 1;
    t.sqe.cid = static_cast<std::uint16_t>((++generation & 0xf) << 12 | slot);
    t.sqe.cdw10 = static_cast<std::uint32_t>(lba);
    t.sqe.cdw11 = static_cast<std::uint32_t>(lba >> 32);
    t.sqe.cdw12 = blocks - 1;
    if (opcode == spec::io::kRead || (opcode & 1)) {
      s.buffer.assign(std::size_t{blocks} * block_size, std::byte{0xee});
      if (opcode == spec::io::kRead) {
        t.in = s.buffer.data();
        t.in_length = static_cast<std::uint32_t>(s.buffer.size());
      } else {
        for (std::size_t i = 0; i < s.buffer.size(); ++i)
          s.buffer[i] = static_cast<std::byte>((i * 7 + i / 251 + lba * 13 + slot) & 0xff);
        t.out = s.buffer.data();
        t.out_length = static_cast<std::uint32_t>(s.buffer.size());
      }
    }
    return t;
  }
  spec::Status status(unsigned slot) const { return spec::status_of_cqe(slots[slot].transfer.cqe.status); }
};

inline InitiatorQueue::Options queue_options(std::uint16_t qid = 1, std::uint16_t entries = 128) {
  InitiatorQueue::Options o;
  o.host_nqn = "nqn.test:host";
  o.sub_nqn = "nqn.test:subsys";
  o.qid = qid;
  o.cntlid = qid == 0 ? 0xffff : 1;
  o.entries = entries;
  return o;
}

}  // namespace nvtee::nvmf
