#include "runtime/nvteed/declare.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/nvteed/units.hpp"

namespace nvtee::daemon {
namespace {

std::string legs_text(std::vector<core::LegSpec> legs) {
  std::ranges::sort(legs, {}, [](const core::LegSpec& l) { return std::pair(l.peer, l.nsid); });
  std::string out;
  for (const auto& l : legs) out += fmt::format("{}{}:{}", out.empty() ? "" : " ", l.peer, l.nsid);
  return out;
}

std::vector<core::LegSpec> legs_of(const core::NamespaceStatus& ns) {
  std::vector<core::LegSpec> out;
  for (const auto& l : ns.legs)
    if (l.state != core::LegState::kNone && l.state != core::LegState::kRemoved) out.push_back(l.spec);
  return out;
}

}  // namespace

std::vector<std::string> differences(const config::DeclaredNamespace& d, const core::NamespaceStatus& e) {
  std::vector<std::string> out;
  const auto differ = [&](const char* what, const std::string& file, const std::string& is) {
    if (file != is) out.push_back(fmt::format("{} is {}, the file says {}", what, is, file));
  };
  differ("subsystem", d.spec.subsystem, e.spec.subsystem);
  differ("nsid", std::to_string(d.spec.nsid), std::to_string(e.spec.nsid));
  if (d.size) differ("size", text::exact_size(d.size), text::exact_size(e.spec.blocks << e.spec.block_shift));
  if (d.block_size)
    differ("block_size", std::to_string(d.block_size), std::to_string(1u << e.spec.block_shift));
  if (d.spec.region_bytes)
    differ("region_size", text::exact_size(d.spec.region_bytes), text::exact_size(e.spec.region_bytes));
  if (!text::is_zero(d.spec.nguid))
    differ("nguid", text::nguid_text(d.spec.nguid), text::nguid_text(e.spec.nguid));
  if (!text::is_zero(d.spec.uuid)) differ("uuid", text::uuid_text(d.spec.uuid), text::uuid_text(e.spec.uuid));
  differ("legs", legs_text(d.legs), legs_text(legs_of(e)));
  return out;
}

struct Declarer::Round {
  std::vector<core::NamespaceStatus> existing;
  std::size_t at = 0, missing = 0;
  std::function<void(std::size_t)> done;
};

Declarer::Declarer(Node& node, std::vector<config::DeclaredNamespace> declared,
                   std::function<void(std::function<void()>)> post)
    : node_(node), declared_(std::move(declared)), post_(std::move(post)) {}

void Declarer::round(std::function<void(std::size_t)> done) {
  auto round = std::make_shared<Round>();
  round->done = std::move(done);
  node_.status([this, round](NodeStatus status) {
    post_([this, round, status = std::move(status)] {
      round->existing = status.namespaces;
      next(round);
    });
  });
}

void Declarer::next(const std::shared_ptr<Round>& round) {
  for (; round->at < declared_.size(); ++round->at) {
    const config::DeclaredNamespace& d = declared_[round->at];
    if (settled_.contains(d.spec.name)) continue;
    const auto found =
        std::ranges::find_if(round->existing, [&](const auto& e) { return e.spec.name == d.spec.name; });
    if (found == round->existing.end()) break;
    compare(d, *found);
    settled_.insert(d.spec.name);
  }
  if (round->at == declared_.size()) return round->done(round->missing);
  const config::DeclaredNamespace& d = declared_[round->at++];
  node_.create_namespace(d.spec, d.legs, d.assume_equal, [this, round, name = d.spec.name](Status0 r) {
    post_([this, round, name, r = std::move(r)] {
      if (r) {
        settled_.insert(name);
        node_.events().add(core::Severity::kNotice, "namespace.created", name,
                           "as the configuration declares");
      } else {
        ++round->missing;
        std::string& last = reported_[name];
        if (last != r.error().text())
          node_.events().add(core::Severity::kWarning, "namespace.create_failed", name,
                             r.error().text() + "; trying again");
        last = r.error().text();
      }
      next(round);
    });
  });
}

void Declarer::compare(const config::DeclaredNamespace& d, const core::NamespaceStatus& e) {
  const auto all = differences(d, e);
  if (all.empty()) return;
  node_.events().add(
      core::Severity::kWarning, "namespace.differs", d.spec.name,
      fmt::format("{}; nothing was changed: correct the file, or use `nvtee leg` and `nvtee ns`",
                  fmt::join(all, "; ")));
}

}  // namespace nvtee::daemon
