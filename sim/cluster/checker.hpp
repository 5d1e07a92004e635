// The invariants of DESIGN §7 as numbered checks, after everything that happens.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "runtime/store/records.hpp"
#include "sim/cluster/history.hpp"
#include "sim/cluster/ops.hpp"

namespace nvtee::cluster {

class World;

class Checker {
 public:
  Checker(World& world, unsigned blocks);
  std::string failure;  // the first one
  unsigned property = 0;
  void fail(unsigned p, const std::string& what);  // Pn; 0 = none of them

  // ---- hosts ------------------------------------------------------------------------------------
  void begun(Op& op);
  void answered(Op& op, spec::Status status, const Value* data, std::uint32_t slot);
  void lost(Op& op);  // its connection or its node is gone
  // Its host goes on without it: from the next write of a block on it may not change that block any more.
  void give_up(Op& op);

  // ---- legs -------------------------------------------------------------------------------------
  // Said by the core; what goes to a leg whose association is gone is not sent. `hold`: of a held slot (a
  // copy, a probe, a flush).
  void sent(const LegCommand& c);
  void read_sent(unsigned leg);        // a read or Compare goes out
  void slot_done(std::uint32_t slot);  // its command is over
  void all_slots_done();
  void changed(unsigned peer, std::uint32_t lba, std::uint32_t count);
  void changed_all(unsigned peer);
  void power_lost(unsigned peer, bool lost_any);
  void look_at_power();  // is what was lost still covered by another leg?
  void node_died();
  void trusted(unsigned leg, bool in_sync);

  // ---- the durable records ----------------------------------------------------------------------
  void committed();
  const store::EpochRecord& epoch() const { return epoch_; }
  bool open(std::uint32_t region) const { return (open_ >> region & 1) != 0; }
  bool dirty(unsigned leg, std::uint32_t region) const { return (dirty_[leg] >> region & 1) != 0; }
  int peer_of(unsigned leg) const;
  store::Role role_of_peer(unsigned peer) const;
  void taken_over();  // the record is another node's from here on
  void given_back() { alien_epoch_ = 0; }
  std::uint64_t alien_epoch() const { return alien_epoch_; }

  // ---- the end ----------------------------------------------------------------------------------
  void at_rest();
  unsigned differing_blocks() const;  // among in-sync legs
  History history;

 private:
  struct Active {  // a slot that has something at legs
    std::uint32_t slot, lba, count;
    bool writes, hold;
  };
  void check_block(std::uint32_t b);
  void check_region(std::uint32_t region);
  void check_all();
  void check_flushed(const Op& op);
  void acked_write(Op& op);
  void check_keys(const Op& op);
  bool carried(std::uint32_t number) const;  // by a leg that serves
  void amnesty();
  bool at_in_sync(unsigned peer) const { return role_of_peer(peer) == store::Role::kInSync; }
  // A syncing leg may become in sync at any moment: its epoch may be on its way.
  bool relied_upon(unsigned peer) const {
    return at_in_sync(peer) || role_of_peer(peer) == store::Role::kSyncing;
  }

  World& world_;
  store::EpochRecord epoch_;
  std::uint64_t open_ = 0;
  std::array<std::uint64_t, 4> dirty_{};
  std::vector<Active> active_;
  std::array<int, 4> peer_of_leg_{};
  std::array<int, 4> leg_of_peer_{};
  std::uint64_t alien_epoch_ = 0;
  std::array<std::uint32_t, 4> drop_number_{};  // by peer: fence number since when it is not in sync
  std::uint64_t amnesty_at_ = 0;
};

}  // namespace nvtee::cluster
