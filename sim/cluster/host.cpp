#include "sim/cluster/host.hpp"

#include <algorithm>

#include "runtime/core/planted.hpp"
#include "sim/cluster/words.hpp"
#include "sim/cluster/world.hpp"

namespace nvtee::cluster {

namespace st = spec::st;

Host::Host(World& world, unsigned i) : index(i), world_(world), chance_(world.plan.setup.seed, 100 + i) {}

void Host::start() {
  connect();
  watch();
}

// ---- connection -----------------------------------------------------------------------------------
void Host::connect() {
  if (conn_ != nullptr || connecting_) return;
  connecting_ = true;
  const auto attempt = [this] {
    connecting_ = false;
    if (!world_.node->up() || world_.node->paused()) return connect();
    auto c = std::make_unique<Conn>(world_.agenda, world_.chance, this, this);
    c->number = static_cast<std::uint32_t>(world_.conns.size());
    c->host = index;
    c->to_node.owner = c->to_host.owner = c->number;
    if (!world_.node->connect(*c)) return connect();
    world_.note("host {} connected by {}", index, c->number);
    conn_ = c.get();
    world_.conns.push_back(std::move(c));
    const auto again = std::move(retries_);
    retries_.clear();
    for (const std::uint32_t id : again) {
      Op& op = world_.ops.make();
      const Op old = world_.ops.at(id);
      op.kind = old.kind;
      op.fua = old.fua;
      op.lba = old.lba;
      op.count = old.count;
      op.values = old.values;
      op.retry = true;
      submit(op.id);
    }
    think();
  };
  world_.agenda.in(chance_.between(2, 25) * kMillisecond, attempt);
}

void Host::drop(bool tell) {
  if (conn_ == nullptr) return;
  Conn& c = *conn_;
  conn_ = nullptr;
  c.host_open = false;
  c.to_host.close();
  if (tell)
    c.to_node.send({kMsgFin, 0, 0, 0, 0});
  else
    (void)0;  // the node finds out by its keep-alive
  for (const std::uint32_t id : under_way_) retries_.push_back(id);
  left_behind_ = std::move(under_way_);
  under_way_.clear();
  // Until nothing of it can be under way any more: the node has closed its end, or its keep-alive and the
  // time that it quiesces are over.
  const bool quiet = !c.node_open || core::planted(core::Bug::kNoQuiesce);
  const Duration wait = quiet ? 0 : 2 * world_.node->kato + 150 * kMillisecond;
  world_.agenda.in(wait + kMillisecond, [this] {
    for (const std::uint32_t id : left_behind_)
      if (world_.plan.setup.full) world_.check.give_up(world_.ops.at(id));
    connect();
  });
}

void Host::arrived(Pipe& pipe, const Msg& msg) {
  Conn& c = *world_.conns[pipe.owner];
  if (&pipe == &c.to_node) return world_.node->host_message(c, msg);
  if (&c != conn_) return;
  switch (msg.kind) {
    case kMsgRst:
      return drop(false);
    case kMsgR2t:
      return send_data(msg.a, static_cast<std::uint32_t>(msg.b));
    case kMsgResponse:
      return response(msg.a, static_cast<spec::Status>(msg.b));
    default:
      return;
  }
}

// I/O timeout: the controller is given up, as Linux does.
void Host::watch() {
  if (conn_ != nullptr) {
    for (const std::uint32_t id : under_way_) {
      if (world_.now() < world_.ops.at(id).submitted + 3500 * kMillisecond) continue;
      world_.note("host {} gives up its connection", index);
      drop(!chance_.one_in(3));
      break;
    }
  }
  if (conn_ != nullptr && conn_->to_host.clogged_for() > world_.node->kato) drop(!chance_.one_in(3));
  if (conn_ != nullptr && !conn_->node_open && !conn_->to_host.clogged() && conn_->to_host.waiting() == 0)
    drop(false);  // nobody answers its keep-alive
  world_.agenda.in(100 * kMillisecond, [this] { watch(); });
}

Time Host::oldest() const {
  Time t = kNever;
  for (const std::uint32_t id : under_way_) t = std::min(t, world_.ops.at(id).submitted);
  return t;
}

// ---- commands ---------------------------------------------------------------------------------------
std::uint32_t Host::make_op() {
  Op& op = world_.ops.make();
  const unsigned dice = chance_.pick(100);
  op.kind = dice < 36   ? Op::Kind::kRead
            : dice < 82 ? Op::Kind::kWrite
            : dice < 87 ? Op::Kind::kZeroes
            : dice < 92 ? Op::Kind::kFlush
            : dice < 97 ? Op::Kind::kCompare
                        : Op::Kind::kDsm;
  op.fua = (op.kind == Op::Kind::kWrite || op.kind == Op::Kind::kZeroes) && chance_.one_in(8);
  const unsigned most = std::min<unsigned>(kMaxValues, (128u << 10) >> world_.plan.setup.block_shift);
  if (op.kind != Op::Kind::kFlush) {
    op.lba = world_.hot[chance_.below(world_.hot.size())];
    op.count = 1 + (chance_.one_in(2) ? chance_.pick(std::min(most, 4u)) : 0);
    op.count = std::min(op.count, world_.blocks - op.lba);
  }
  for (std::uint32_t i = 0; i < op.count; ++i) {
    if (op.kind == Op::Kind::kWrite) op.values[i] = world_.ops.new_value();
    if (op.kind == Op::Kind::kCompare) op.values[i] = world_.check.history.last(op.lba + i);
  }
  return op.id;
}

void Host::think() {
  if (thinking_ || stopped_ || conn_ == nullptr) return;
  if (busy() >= world_.plan.setup.depth) return;
  thinking_ = true;
  world_.agenda.in(chance_.between(0, 2 * world_.plan.setup.think), [this] {
    thinking_ = false;
    if (stopped_ || conn_ == nullptr || busy() >= world_.plan.setup.depth) return;
    submit(make_op());
    think();
  });
}

void Host::submit(std::uint32_t id) {
  Op& op = world_.ops.at(id);
  Conn& c = *conn_;
  op.host = index;
  op.conn = c.number;
  op.cid = static_cast<std::uint16_t>(c.cids.size());
  op.submitted = world_.now();
  op.bad_digest = (op.kind == Op::Kind::kWrite || op.kind == Op::Kind::kCompare) && bad_digest_one_in != 0 &&
                  chance_.one_in(bad_digest_one_in);
  if (op.kind == Op::Kind::kCompare) {
    op.settled = true;
    for (std::uint32_t i = 0; i < op.count; ++i)
      op.settled = op.settled && world_.check.history.settled(op.lba + i) &&
                   world_.check.history.last(op.lba + i) == op.values[i] &&
                   world_.check.history.legal(op.lba + i, op.values[i]);
  }
  under_way_.push_back(id);
  world_.check.begun(op);
  world_.note("host {} puts in {}: {} lba {} count {} value {} fua {}", index, id, kind_word(op.kind), op.lba,
              op.count, op.count != 0 ? op.values[0] : 0, op.fua ? 1u : 0u);
  c.cids.push_back(id);
  c.ops.push_back(id);
  if (c.node_open)
    c.to_node.send({kMsgCommand, 0, op.cid, id, 0});
  else
    world_.check.lost(op);  // nobody will ever see it
}

void Host::send_data(std::uint32_t id, std::uint32_t slot) {
  Conn& c = *conn_;
  const Op& op = world_.ops.at(id);
  if (world_.now() < stalled_until) {
    if (chance_.one_in(2)) return;  // never
    world_.agenda.at(stalled_until, [this, id, slot, n = c.number] {
      if (conn_ != nullptr && conn_->number == n) send_data(id, slot);
    });
    return;
  }
  const std::uint32_t bytes = op.count << world_.plan.setup.block_shift;
  if (bytes < 8 || op.count < 2 || chance_.one_in(2)) {
    c.to_node.send({kMsgData, 0, op.cid, id, slot});
    return;
  }
  c.to_node.send({kMsgData, 1, op.cid, id, slot});
  world_.agenda.in(chance_.between(0, 3 * kMillisecond), [this, id, slot, n = c.number, cid = op.cid] {
    if (conn_ != nullptr && conn_->number == n) conn_->to_node.send({kMsgData, 2, cid, id, slot});
  });
}

void Host::response(std::uint32_t id, spec::Status status) {
  std::erase(under_way_, id);
  if (status == 0) {
    ++done;
    if (world_.faults_over) ++good_since_heal;
  }
  const auto path =
      status == st::kPathInternal || status == st::kTransientTransport || status == st::kInterrupted;
  if (path) {  // retried, by this path or another one
    ++refused;
    ++pausing_;
    world_.agenda.in(chance_.between(20, 80) * kMillisecond, [this, id] {
      --pausing_;
      if (stopped_) return;
      if (conn_ == nullptr) {
        retries_.push_back(id);
        return;
      }
      const Op old = world_.ops.at(id);
      Op& again = world_.ops.make();
      again.kind = old.kind;
      again.fua = old.fua;
      again.lba = old.lba;
      again.count = old.count;
      again.values = old.values;
      again.retry = true;
      submit(again.id);
    });
  }
  think();
}

}  // namespace nvtee::cluster
