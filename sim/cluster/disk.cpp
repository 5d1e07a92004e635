#include "sim/cluster/disk.hpp"

#include <cstring>

#include "runtime/base/crc32c.hpp"

namespace nvtee::cluster {
namespace {

using store::Bytes;
using store::Transaction;

void put_number(Bytes& to, std::uint32_t n) {
  to.append(reinterpret_cast<const char*>(&n), sizeof(n));
}
void put_text(Bytes& to, const Bytes& text) {
  put_number(to, static_cast<std::uint32_t>(text.size()));
  to += text;
}

// length | crc | puts | deletes
Bytes frame_of(const Transaction& t) {
  Bytes body;
  put_number(body, static_cast<std::uint32_t>(t.puts.size()));
  for (const auto& p : t.puts) {
    put_text(body, p.key);
    put_text(body, p.value);
  }
  put_number(body, static_cast<std::uint32_t>(t.deletes.size()));
  for (const auto& d : t.deletes) put_text(body, d);
  Bytes out;
  put_number(out, static_cast<std::uint32_t>(body.size()));
  put_number(out, crc32c(0, body.data(), body.size()));
  return out + body;
}

class Reader {
 public:
  explicit Reader(const Bytes& file) : file_(file) {}
  bool number(std::uint32_t& n) {
    if (file_.size() - at_ < sizeof(n)) return false;
    std::memcpy(&n, file_.data() + at_, sizeof(n));
    at_ += sizeof(n);
    return true;
  }
  bool text(Bytes& t) {
    std::uint32_t n = 0;
    if (!number(n) || file_.size() - at_ < n) return false;
    t.assign(file_, at_, n);
    at_ += n;
    return true;
  }
  bool frame(Transaction& t) {
    std::uint32_t size = 0, crc = 0, n = 0;
    if (!number(size) || !number(crc) || file_.size() - at_ < size) return false;
    if (crc32c(0, file_.data() + at_, size) != crc) return false;
    t = {};
    if (!number(n)) return false;
    for (; n != 0; --n) {
      Transaction::Put p;
      if (!text(p.key) || !text(p.value)) return false;
      t.puts.push_back(std::move(p));
    }
    if (!number(n)) return false;
    for (; n != 0; --n)
      if (!text(t.deletes.emplace_back())) return false;
    return true;
  }

 private:
  const Bytes& file_;
  std::size_t at_ = 0;
};

}  // namespace

void Disk::apply(std::map<Bytes, Bytes>& to, const Transaction& t) {
  for (const auto& key : t.deletes) to.erase(key);
  for (const auto& [key, value] : t.puts) to[key] = value;
}

Result<store::Outcome> Disk::write(const Transaction& t) {
  for (const auto& [key, expect] : t.conditions) {
    const auto found = live_.find(key);
    if (expect ? found == live_.end() || found->second != *expect : found != live_.end())
      return store::Outcome::kConditionFailed;
  }
  apply(live_, t);
  unsynced_.push_back(t);
  return store::Outcome::kCommitted;
}

void Disk::sync() {
  for (const auto& t : unsynced_) apply(synced_, t);
  unsynced_.clear();
}

Result<store::Outcome> Disk::commit(const Transaction& t) {
  auto r = write(t);
  sync();
  return r;
}

void Disk::crash(Chance& chance) {
  Bytes file;
  for (const auto& t : unsynced_) file += frame_of(t);
  const std::size_t whole = unsynced_.size();
  unsynced_.clear();
  const bool all = chance.one_in(3);
  if (!file.empty() && !all) {
    file.resize(chance.below(file.size() + 1));
    if (!file.empty() && chance.one_in(2)) file[chance.below(file.size())] ^= 0x5a;
  }
  Reader reader(file);
  Transaction t;
  std::size_t kept = 0;
  for (; reader.frame(t); ++kept) apply(synced_, t);
  lost += whole - kept;
  if (whole != kept && !file.empty()) ++torn;
  live_ = synced_;
}

Result<std::vector<Transaction::Put>> Disk::list(const Bytes& prefix) {
  std::vector<Transaction::Put> out;
  for (auto it = live_.lower_bound(prefix); it != live_.end() && it->first.starts_with(prefix); ++it)
    out.push_back({it->first, it->second});
  return out;
}

}  // namespace nvtee::cluster
