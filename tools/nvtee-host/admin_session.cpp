#include "tools/nvtee-host/admin_session.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "tools/nvtee-host/report.hpp"

namespace nvtee::host {
namespace {
constexpr Duration kAnswerTime = 10 * kSecond;
constexpr std::uint32_t kPiece = 4096;
}  // namespace

Result<std::unique_ptr<AdminSession>> AdminSession::open(nvmf::Association::Options options) {
  auto reactor = net::Reactor::create();
  if (!reactor) return std::unexpected(reactor.error());
  std::unique_ptr<AdminSession> s(new AdminSession);
  s->reactor_ = std::move(*reactor);
  options.io_queues = 0;
  options.nsid = 0;
  nvmf::AssociationDelegate* const self = s.get();
  s->association_ = std::make_unique<nvmf::Association>(*s->reactor_, std::move(options), self);
  while (!s->up_ && !s->down_) s->reactor_->turn(kSecond);
  if (s->down_) return fail(s->why_);
  return s;
}

AdminSession::~AdminSession() {
  if (!association_ || !association_->up()) return;
  association_->shutdown();
  while (!down_) reactor_->turn(kSecond);
}

bool AdminSession::wait(const bool& done) {
  const Time end = reactor_->now() + kAnswerTime;
  while (!done && !down_ && reactor_->now() < end) reactor_->turn(100 * kMillisecond);
  return done;
}

Result<std::vector<std::byte>> AdminSession::command(const nvmf::Sqe& sqe, std::uint32_t in_length) {
  // Shared: a late answer may come after this call has given up.
  struct Answer {
    bool done = false;
    spec::Status status = 0;
    std::vector<std::byte> data;
  };
  if (down_) return fail(why_);
  const auto answer = std::make_shared<Answer>();
  association_->admin(sqe, {}, in_length, [answer](const nvmf::Cqe& cqe, std::span<const std::byte> data) {
    answer->done = true;
    answer->status = spec::status_of_cqe(cqe.status);
    answer->data.assign(data.begin(), data.end());
  });
  if (!wait(answer->done))
    return fail(down_ ? why_ : fmt::format("admin command {:02x}h was not answered", sqe.opcode));
  if (answer->status != spec::st::kOk)
    return fail(fmt::format("admin command {:02x}h failed: {}", sqe.opcode, status_text(answer->status)), {},
                answer->status);
  answer->data.resize(in_length);
  return std::move(answer->data);
}

Result<std::vector<std::byte>> AdminSession::log_page(std::uint8_t lid, std::uint32_t nsid,
                                                      std::uint32_t length, std::uint8_t lsp) {
  std::vector<std::byte> page;
  while (page.size() < length) {
    const std::uint32_t n = std::min(kPiece, length - static_cast<std::uint32_t>(page.size()));
    nvmf::Sqe s{};
    s.opcode = spec::admin::kGetLogPage;
    s.nsid = nsid;
    const std::uint32_t dwords = n / 4 - 1;
    s.cdw10 = lid | std::uint32_t{lsp} << 8 | (dwords & 0xffff) << 16;
    s.cdw11 = dwords >> 16;
    s.cdw12 = static_cast<std::uint32_t>(page.size());
    auto piece = command(s, n);
    if (!piece) return piece;
    page.insert(page.end(), piece->begin(), piece->end());
  }
  return page;
}

Result<std::vector<std::byte>> AdminSession::identify(std::uint8_t cns, std::uint32_t nsid,
                                                      std::uint32_t cdw11) {
  nvmf::Sqe s{};
  s.opcode = spec::admin::kIdentify;
  s.nsid = nsid;
  s.cdw10 = cns;
  s.cdw11 = cdw11;
  return command(s, 4096);
}

}  // namespace nvtee::host
