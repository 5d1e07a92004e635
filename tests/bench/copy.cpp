#include "tests/bench/copy.hpp"

#include <cstdio>
#include <memory>
#include <vector>

#include "hw/nvme/spec.hpp"
#include "runtime/net/reactor.hpp"
#include "runtime/nvmf/initiator/association.hpp"

namespace nvtee::bench {
namespace {

constexpr unsigned kBlockShift = 12;

// A chunk is a Transfer at the source, then one at the destination.
class Copy final : public nvmf::AssociationDelegate {
 public:
  Copy(net::Reactor& reactor, std::uint64_t bytes, std::uint32_t chunk, unsigned depth)
      : reactor_(reactor), bytes_(bytes), chunk_(chunk), chunks_(depth) {}

  bool start(const CopyEnd& from, const CopyEnd& to) {
    for (const auto& [end, which] : {std::pair{&from, 0}, std::pair{&to, 1}}) {
      auto address = net::parse_address(end->address, 4420);
      if (!address) return false;
      nvmf::Association::Options o;
      o.addresses = {*address};
      o.host_nqn = "nqn.2026-01.io.nvtee:bench-copy";
      o.sub_nqn = end->nqn;
      o.nsid = nsid_[which] = end->nsid;
      ends_[which] = std::make_unique<nvmf::Association>(reactor_, std::move(o), this);
    }
    return true;
  }
  bool up() const { return ups_ == 2; }
  bool failed() const { return failed_; }
  bool done() const { return failed_ || written_ == bytes_; }
  void go() {
    for (std::size_t i = 0; i < chunks_.size(); ++i) {
      chunks_[i].data.resize(chunk_);
      read_next(i);
    }
  }

 private:
  struct Chunk {
    nvmf::Transfer transfer;
    std::vector<std::byte> data;
    std::uint64_t at = 0;
    bool writing = false;
  };

  void read_next(std::size_t i) {
    if (next_ >= bytes_) return;
    chunks_[i].at = next_;
    next_ += chunk_;
    submit(i, false);
  }
  void submit(std::size_t i, bool write) {
    Chunk& c = chunks_[i];
    c.writing = write;
    nvmf::Transfer& t = c.transfer;
    t = {};
    t.sqe.opcode = write ? spec::io::kWrite : spec::io::kRead;
    t.sqe.cid = static_cast<std::uint16_t>(i);
    t.sqe.nsid = nsid_[write];
    t.sqe.cdw10 = static_cast<std::uint32_t>(c.at >> kBlockShift);
    t.sqe.cdw12 = (chunk_ >> kBlockShift) - 1;
    if (write) {
      t.out = c.data.data();
      t.out_length = chunk_;
    } else {
      t.in = c.data.data();
      t.in_length = chunk_;
    }
    ends_[write]->io_queue(0).submit(t);
  }

  void on_up(nvmf::InitiatorQueue&, std::uint16_t) override {}
  nvmf::Transfer* find(nvmf::InitiatorQueue& queue, std::uint16_t cid) override {
    if (cid >= chunks_.size()) return nullptr;
    Chunk& c = chunks_[cid];
    return &ends_[c.writing]->io_queue(0) == &queue ? &c.transfer : nullptr;
  }
  void on_response(nvmf::InitiatorQueue&, nvmf::Transfer& t) override {
    const std::size_t i = t.sqe.cid;
    if (spec::status_of_cqe(t.cqe.status) != spec::st::kOk) failed_ = true;
    if (failed_) return;
    if (!chunks_[i].writing) return submit(i, true);
    written_ += chunk_;
    read_next(i);
  }
  void on_down(nvmf::InitiatorQueue&, const std::string&, spec::Status) override {}
  void on_association_up(nvmf::Association&, const nvmf::PeerInfo&) override { ++ups_; }
  void on_association_down(nvmf::Association&, const std::string& why, bool) override {
    std::fprintf(stderr, "nvtee_bench: copying: %s\n", why.c_str());
    failed_ = true;
  }
  void on_async_event(nvmf::Association&, std::uint32_t) override {}

  net::Reactor& reactor_;
  std::uint64_t bytes_;
  std::uint32_t chunk_;
  std::vector<Chunk> chunks_;
  std::unique_ptr<nvmf::Association> ends_[2];
  unsigned nsid_[2] = {}, ups_ = 0;
  std::uint64_t next_ = 0, written_ = 0;
  bool failed_ = false;
};

}  // namespace

double plain_copy(const CopyEnd& from, const CopyEnd& to, std::uint64_t bytes, std::uint32_t chunk,
                  unsigned depth) {
  auto reactor = net::Reactor::create({.busy_poll = 50 * kMicrosecond});  // as nvteed's
  if (!reactor) return 0;
  Copy copy(**reactor, bytes, chunk, depth);
  if (!copy.start(from, to)) return 0;
  (*reactor)->turn(0);
  const Time give_up = (*reactor)->now() + 60 * kSecond;
  while (!copy.up() && !copy.failed() && (*reactor)->now() < give_up) (*reactor)->turn(kSecond);
  if (!copy.up()) return 0;
  const Time begin = (*reactor)->now();
  copy.go();
  while (!copy.done() && (*reactor)->now() < give_up) (*reactor)->turn(kSecond);
  const auto took = static_cast<double>((*reactor)->now() - begin);
  return copy.failed() || !copy.done() ? 0 : static_cast<double>(bytes) * 1e9 / took;
}

}  // namespace nvtee::bench
