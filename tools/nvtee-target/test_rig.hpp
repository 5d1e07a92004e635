// What this folder's tests share: a loop, a temporary directory, a host with queues.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "runtime/base/check.hpp"
#include "runtime/net/reactor.hpp"
#include "runtime/nvmf/initiator/association.hpp"
#include "tools/nvtee-target/mem_store.hpp"
#include "tools/nvtee-target/server.hpp"

namespace nvtee::target {

struct TempDir {
  TempDir() {
    char name[] = "/tmp/nvtee-target-test-XXXXXX";
    NVTEE_CHECK(::mkdtemp(name) != nullptr, "a temporary directory can be made");
    path = name;
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  std::string operator/(const std::string& name) const { return path + "/" + name; }
  std::string path;
};

struct Loop {
  std::unique_ptr<net::Reactor> reactor = std::move(*net::Reactor::create());

  // Turns until `done` holds; false after a bound that no working test comes near.
  bool until(const std::function<bool()>& done) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!done()) {
      if (std::chrono::steady_clock::now() > end) return false;
      reactor->turn(5 * kMillisecond);
    }
    return true;
  }
  void turns(unsigned n) {
    while (n-- != 0) reactor->turn(0);
  }
};

inline std::vector<std::byte> pattern(std::size_t size, std::uint64_t seed) {
  std::vector<std::byte> v(size);
  for (std::size_t i = 0; i < size; ++i) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    v[i] = static_cast<std::byte>(seed >> 56);
  }
  return v;
}

// Memory that answers when told to.
class SlowStore final : public Store {
 public:
  explicit SlowStore(std::uint64_t blocks)
      : Store(blocks, 12), memory_(std::move(*MemStore::create(blocks, 12))) {}
  std::optional<spec::Status> start(StoreOp& op) override {
    if (immediate) return finish(op);
    waiting.push_back(&op);
    return {};
  }
  void complete(std::size_t i) {
    StoreOp& op = *waiting[i];
    waiting.erase(waiting.begin() + static_cast<long>(i));
    const spec::Status s = finish(op);
    op.client->on_store_done(op, s);
  }
  void complete_all() {
    while (!waiting.empty()) complete(0);
  }
  const std::byte* block(std::uint64_t lba) { return memory_->at(lba); }

  bool immediate = false;
  spec::Status write_status = spec::st::kOk;
  std::vector<StoreOp*> waiting;
  unsigned flushes = 0, writes = 0;

 private:
  spec::Status finish(StoreOp& op) {
    flushes += op.action == StoreAction::kFlush;
    writes += op.action == StoreAction::kWrite;
    if (op.action == StoreAction::kWrite && write_status != spec::st::kOk) return write_status;
    return *memory_->start(op);
  }
  std::unique_ptr<MemStore> memory_;
};

// Runs one operation on a store to its end.
class StoreRunner final : public StoreClient {
 public:
  StoreRunner(Loop& loop, Store& store) : loop_(loop), store_(store) {}
  spec::Status run(StoreOp op) {
    op.client = this;
    done_ = false;
    if (const auto status = store_.start(op)) return *status;
    EXPECT_TRUE(loop_.until([&] { return done_; }));
    return status_;
  }
  spec::Status write(std::uint64_t lba, std::vector<std::byte> data, bool fua = false) {
    StoreOp op;
    op.action = StoreAction::kWrite;
    op.fua = fua;
    op.lba = lba;
    op.blocks = static_cast<std::uint32_t>(data.size() >> store_.block_shift());
    op.data = data.data();
    return run(op);
  }
  std::vector<std::byte> read(std::uint64_t lba, std::uint32_t blocks) {
    std::vector<std::byte> data(std::size_t{blocks} << store_.block_shift(), std::byte{0xcc});
    StoreOp op;
    op.action = StoreAction::kRead;
    op.lba = lba;
    op.blocks = blocks;
    op.data = data.data();
    EXPECT_EQ(run(op), spec::st::kOk);
    return data;
  }
  spec::Status plain(StoreAction action, std::uint64_t lba = 0, std::uint32_t blocks = 0, bool fua = false) {
    StoreOp op;
    op.action = action;
    op.lba = lba;
    op.blocks = blocks;
    op.fua = fua;
    return run(op);
  }

 private:
  void on_store_done(StoreOp&, spec::Status status) override {
    done_ = true;
    status_ = status;
  }
  Loop& loop_;
  Store& store_;
  bool done_ = false;
  spec::Status status_ = 0;
};

struct Answer {
  spec::Status status = 0;
  bool dnr = false;
  std::uint64_t result = 0;
  std::vector<std::byte> data;
};

// A host with an admin queue and I/O queues.
class TestHost final : public nvmf::AssociationDelegate {
 public:
  struct Options {
    std::string nqn = "nqn.2024-01.test:host";
    std::uint8_t id = 1;  // last byte of the host identifier
    std::string subnqn = "nqn.2024-01.io.nvtee:target";
    std::uint16_t queues = 1;
    bool header_digest = false, data_digest = false;
    bool flow_control_off = true;
  };
  static HostId host_id(std::uint8_t id) {
    HostId h{};
    h[0] = 0x42;
    h[15] = id;
    return h;
  }

  TestHost(Loop& loop, const net::Address& address) : TestHost(loop, address, Options{}) {}
  TestHost(Loop& loop, const net::Address& address, const Options& o) : loop_(loop), slots_(256) {
    nvmf::Association::Options a;
    a.addresses = {address};
    a.host_nqn = o.nqn;
    a.sub_nqn = o.subnqn;
    a.host_id = host_id(o.id);
    a.io_queues = o.queues;
    a.kato_ms = 60'000;
    a.header_digest = o.header_digest;
    a.data_digest = o.data_digest;
    a.flow_control_off = o.flow_control_off;
    a.up_timeout = 10 * kSecond;
    association_ = std::make_unique<nvmf::Association>(*loop.reactor, a, this);
  }
  bool connect() {
    return loop_.until([&] { return up || down; }) && up;
  }
  void close() { association_->close(); }
  nvmf::Association& association() { return *association_; }

  static nvmf::Sqe sqe(std::uint8_t opcode, std::uint64_t lba = 0, std::uint32_t blocks = 1,
                       std::uint32_t nsid = 1) {
    nvmf::Sqe q{};
    q.opcode = opcode;
    q.flags = spec::kPsdtSgl;
    q.nsid = nsid;
    q.cdw10 = static_cast<std::uint32_t>(lba);
    q.cdw11 = static_cast<std::uint32_t>(lba >> 32);
    q.cdw12 = blocks - 1;
    return q;
  }

  // Starts a command; ticket for finished() and take().
  unsigned start(nvmf::Sqe q, std::vector<std::byte> out = {}, std::uint32_t in = 0, unsigned queue = 0) {
    for (unsigned i = 0; i < slots_.size(); ++i) {
      Slot& s = slots_[i];
      if (s.used) continue;
      s.used = true;
      s.finished = false;
      s.out = std::move(out);
      s.in.assign(in, std::byte{0xcc});
      s.transfer = {};
      q.cid = static_cast<std::uint16_t>((++generation_ & 0xf) << 12 | i);
      s.transfer.sqe = q;
      s.transfer.out = s.out.data();
      s.transfer.out_length = static_cast<std::uint32_t>(s.out.size());
      s.transfer.in = s.in.data();
      s.transfer.in_length = in;
      association_->io_queue(queue).submit(s.transfer);
      return i;
    }
    ADD_FAILURE() << "too many commands";
    return 0;
  }
  bool finished(unsigned ticket) const { return slots_[ticket].finished; }
  Answer take(unsigned ticket) {
    Slot& s = slots_[ticket];
    EXPECT_TRUE(loop_.until([&] { return s.finished || down; }));
    EXPECT_TRUE(s.finished) << "the command was not answered; association: " << why;
    s.used = false;
    const std::uint16_t status = s.transfer.cqe.status;
    return {spec::status_of_cqe(status), (status & spec::kCqeDnr) != 0, s.transfer.cqe.result,
            std::move(s.in)};
  }
  Answer run(const nvmf::Sqe& q, std::vector<std::byte> out = {}, std::uint32_t in = 0) {
    return take(start(q, std::move(out), in));
  }
  spec::Status write(std::uint64_t lba, const std::vector<std::byte>& data, unsigned block = 4096,
                     std::uint32_t cdw12 = 0, std::uint32_t nsid = 1) {
    auto q = sqe(spec::io::kWrite, lba, static_cast<std::uint32_t>(data.size() / block), nsid);
    q.cdw12 |= cdw12;
    return run(q, data).status;
  }
  std::vector<std::byte> read(std::uint64_t lba, std::uint32_t blocks, unsigned block = 4096,
                              std::uint32_t nsid = 1) {
    auto a = run(sqe(spec::io::kRead, lba, blocks, nsid), {}, blocks * block);
    EXPECT_EQ(a.status, spec::st::kOk);
    return a.data;
  }
  Answer admin(nvmf::Sqe q, std::vector<std::byte> out = {}, std::uint32_t in = 0) {
    bool done = false;
    Answer a;
    q.flags = spec::kPsdtSgl;
    association_->admin(q, std::move(out), in, [&](const nvmf::Cqe& c, std::span<const std::byte> data) {
      a = {spec::status_of_cqe(c.status),
           (c.status & spec::kCqeDnr) != 0,
           c.result,
           {data.begin(), data.end()}};
      done = true;
    });
    EXPECT_TRUE(loop_.until([&] { return done || down; }));
    EXPECT_TRUE(done);
    return a;
  }

  // Reservations.
  static std::vector<std::byte> keys(std::uint64_t a, std::uint64_t b) {
    std::vector<std::byte> v(16);
    std::memcpy(v.data(), &a, 8);
    std::memcpy(v.data() + 8, &b, 8);
    return v;
  }
  spec::Status resv_register(std::uint64_t current, std::uint64_t next, std::uint8_t action = 0,
                             std::uint32_t more = 0) {
    auto q = sqe(spec::io::kResvRegister);
    q.cdw10 = action | more;
    q.cdw12 = 0;
    return run(q, keys(current, next)).status;
  }
  static nvmf::Sqe acquire_sqe(std::uint8_t action, std::uint8_t type) {
    auto q = sqe(spec::io::kResvAcquire);
    q.cdw10 = action | static_cast<std::uint32_t>(type) << 8;
    q.cdw12 = 0;
    return q;
  }
  spec::Status resv_acquire(std::uint64_t current, std::uint8_t type, std::uint8_t action = 0,
                            std::uint64_t other = 0) {
    return run(acquire_sqe(action, type), keys(current, other)).status;
  }
  spec::Status resv_release(std::uint64_t current, std::uint8_t type, std::uint8_t action = 0) {
    auto q = sqe(spec::io::kResvRelease);
    q.cdw10 = action | static_cast<std::uint32_t>(type) << 8;
    q.cdw12 = 0;
    auto k = keys(current, 0);
    k.resize(8);
    return run(q, k).status;
  }
  Answer resv_report(std::uint32_t bytes = 4096) {
    auto q = sqe(spec::io::kResvReport);
    q.cdw10 = bytes / 4 - 1;
    q.cdw11 = 1;
    q.cdw12 = 0;
    return run(q, {}, bytes);
  }

  bool up = false, down = false;
  std::string why;
  std::vector<std::uint32_t> events;

 private:
  struct Slot {
    nvmf::Transfer transfer;
    std::vector<std::byte> out, in;
    bool used = false, finished = false;
  };
  void on_association_up(nvmf::Association&, const nvmf::PeerInfo&) override { up = true; }
  void on_association_down(nvmf::Association&, const std::string& reason, bool) override {
    up = false;
    down = true;
    why = reason;
  }
  void on_async_event(nvmf::Association&, std::uint32_t result) override { events.push_back(result); }
  void on_up(nvmf::InitiatorQueue&, std::uint16_t) override {}
  void on_down(nvmf::InitiatorQueue&, const std::string&, spec::Status) override {}
  nvmf::Transfer* find(nvmf::InitiatorQueue&, std::uint16_t cid) override {
    Slot& s = slots_[cid & 0xff];
    return s.used && !s.finished && s.transfer.sqe.cid == cid ? &s.transfer : nullptr;
  }
  void on_response(nvmf::InitiatorQueue&, nvmf::Transfer& t) override {
    slots_[t.sqe.cid & 0xff].finished = true;
  }

  Loop& loop_;
  std::vector<Slot> slots_;
  unsigned generation_ = 0;
  std::unique_ptr<nvmf::Association> association_;
};

// A server on a port of its own.
inline std::unique_ptr<Server> serve(Loop& loop, Config config) {
  config.listen = {"127.0.0.1", 0};
  auto s = Server::create(*loop.reactor, config);
  EXPECT_TRUE(s) << (s ? "" : s.error().text());
  return s ? std::move(*s) : nullptr;
}

inline NamespaceConfig mem_namespace(std::uint64_t size, std::uint8_t shift = 12, std::uint32_t nsid = 1) {
  NamespaceConfig n;
  n.nsid = nsid;
  n.memory = true;
  n.size = size;
  n.block_shift = shift;
  return n;
}

inline NamespaceConfig file_namespace(const std::string& path, std::uint64_t size, std::uint8_t shift = 12) {
  NamespaceConfig n;
  n.path = path;
  n.size = size;
  n.block_shift = shift;
  n.durability = Durability::kProcess;
  return n;
}

}  // namespace nvtee::target
