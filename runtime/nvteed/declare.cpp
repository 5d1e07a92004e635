#include "runtime/nvteed/declare.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "runtime/api/service.hpp"
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

constexpr const char* kNotYet = "it is not created yet";

// A leg that another namespace has.
std::optional<std::string> taken_leg(const config::DeclaredNamespace& d,
                                     const std::vector<core::NamespaceStatus>& existing) {
  for (const auto& l : d.legs)
    if (const auto* user = api::user_of_leg(existing, l))
      return fmt::format("{}:{} is a leg of namespace {} already", l.peer, l.nsid, user->spec.name);
  return {};
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
    : node_(node), declared_(std::move(declared)), post_(std::move(post)) {
  for (const auto& d : declared_) missing_[d.spec.name] = kNotYet;
}

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
    if (found != round->existing.end()) {
      compare(d, *found);
      settle(d.spec.name);
    } else if (const auto taken = taken_leg(d, round->existing)) {
      failed(*round, d.spec.name, *taken);
    } else {
      ++round->at;
      return create(round, d);
    }
  }
  round->done(round->missing);
}

void Declarer::create(const std::shared_ptr<Round>& round, const config::DeclaredNamespace& d) {
  node_.create_namespace(d.spec, d.legs, d.assume_equal, [this, round, &d](Status0 r) {
    post_([this, round, &d, r = std::move(r)] {
      if (r)
        created(d);
      else
        failed(*round, d.spec.name, r.error().text());
      next(round);
    });
  });
}

void Declarer::settle(const std::string& name) {
  settled_.insert(name);
  missing_.erase(name);
}

void Declarer::created(const config::DeclaredNamespace& d) {
  settle(d.spec.name);
  if (!d.assume_equal || d.legs.size() < 2)
    return node_.events().add(core::Severity::kNotice, "namespace.created", d.spec.name,
                              "as the configuration declares");
  // Left in the file, the claim would be made again for legs that differ, were the metadata ever lost.
  node_.events().add(core::Severity::kWarning, "namespace.created", d.spec.name,
                     "as the configuration declares, with assume_equal: nothing was compared; take "
                     "assume_equal out of the file now");
}

void Declarer::failed(Round& round, const std::string& name, const std::string& reason) {
  ++round.missing;
  std::string& last = missing_[name];
  if (last != reason)
    node_.events().add(core::Severity::kWarning, "namespace.create_failed", name, reason + "; trying again");
  last = reason;
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
