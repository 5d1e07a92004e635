// A kernel's RTL beside its native self, clock by clock: whenever the module makes a call, the native kernel
// is called with streams that look as the module saw them. What is read and written must be the same.
// hw/hlsc/README.md says what the trace ports mean.
#pragma once

#include <hls_stream.h>

#include <array>
#include <cstdio>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>

#include "sim/cosim/random_record.hpp"

namespace nvtee::cosim {

struct Tally {
  std::uint64_t clocks = 0, calls = 0, idle = 0, read = 0, written = 0;
};

// Chances in percent; drawn anew now and then, so that every port is sometimes free, sometimes scarce.
class Gate {
 public:
  bool open(Random& r) { return r.chance(percent_); }
  void redraw(Random& r) { percent_ = r.of(std::vector<unsigned>{100, 100, 90, 50, 50, 10, 2, 0, 0}); }
  void set(unsigned percent) { percent_ = percent; }

 private:
  unsigned percent_ = 50;
};

template <class V, class Streams, class Scalars>
class Lockstep;

template <class V, class... P, class... S>
class Lockstep<V, hlsc_ports::List<P...>, hlsc_ports::List<S...>> {
 public:
  explicit Lockstep(std::uint64_t seed) : random_(seed) {}

  // ---- set up ----
  // The native top: its parameters are the ports, in their order (streams and scalars apart).
  template <class... A>
  void kernel(void (*top)(A...)) {
    native_ = [this, top] { invoke(top, std::index_sequence_for<A...>{}); };
  }
  // Or a call of one's own, with stream<PORT>() and scalar<PORT>().
  void kernel(std::function<void()> call) { native_ = std::move(call); }
  // What comes in at a port; ports without one get random_record with `biases`.
  template <class Q>
  void source(std::function<typename Q::type(Random&)> f) {
    port<Q>().source = std::move(f);
  }
  // Is told of what the native kernel writes at a port: answers to it can come in then.
  template <class Q>
  void sink(std::function<void(const typename Q::type&)> f) {
    port<Q>().sink = std::move(f);
  }
  template <class Q>
  void scalar_source(std::function<std::uint64_t(Random&)> f) {
    std::get<Value<Q>>(scalars_).source = std::move(f);
  }
  Biases biases;
  bool vary =
      false;  // how much is random changes in the course of a run: one output alone short of room, few values
  // Ports that must not bring more than one record in so many clocks, lest nothing else ever happens.
  std::map<std::string_view, unsigned> rare;

  // ---- for the native call ----
  template <class Q>
  hls::stream<typename Q::type>& stream() {
    return *port<Q>().native;
  }
  template <class Q>
  std::uint64_t scalar() {
    return std::get<Value<Q>>(scalars_).seen;
  }

  // Waveforms: called after each half clock with the time. With them, the last records are remembered.
  std::function<void(std::uint64_t)> dump;
  const std::deque<std::string>& history() const { return history_; }
  std::size_t history_kept = 24;

  // Runs the module `v`. False: they differ; why() says how.
  bool run(V& v, std::uint64_t clocks) {
    each([&]<class Q>(std::type_identity<Q>, Port<Q>& p) {
      if constexpr (!Q::output) p.one_in = rare.contains(Q::name) ? rare[Q::name] : 0;
    });
    focus_ = biases;
    reset(v);
    for (std::uint64_t i = 0; i < clocks && why_.empty(); ++i) clock(v);
    return why_.empty();
  }
  const std::string& why() const { return why_; }
  const Tally& tally() const { return tally_; }
  // Ports that moved less than a record in 20,000 clocks, and how many: a run that leaves some out says
  // little.
  std::string unused() const {
    std::string names;
    const auto look = [&](const char* port, std::uint64_t moved) {
      if (moved >= (tally_.clocks + 19'999) / 20'000) return;
      names += (names.empty() ? "" : ", ") + std::string(port) + " (" + std::to_string(moved) + ")";
    };
    (look(P::name, std::get<Port<P>>(ports_).moved), ...);
    return names;
  }

 private:
  static constexpr unsigned kMaxApart = 64;

  template <class Q>
  struct Port {
    // Depth 1: what a call may see and do.
    std::unique_ptr<hls::stream<typename Q::type, 1>> native =
        std::make_unique<hls::stream<typename Q::type, 1>>(Q::name);
    std::function<typename Q::type(Random&)> source;
    std::function<void(const typename Q::type&)> sink;
    Gate gate;
    std::uint64_t moved = 0;
    // input
    bool visible = false;
    unsigned one_in = 0;  // `rare`
    typename Q::type head{};
    // output
    unsigned held = 0;   // records reserved and not consumed
    unsigned limit = 4;  // of `held`; 0: no room for a while
    bool room = false;   // once there, it stays until it is taken
    std::deque<typename Q::bits> expected, seen;
    unsigned alone = 0;  // clocks that one of them has been longer than the other
  };
  template <class Q>
  struct Value {
    std::function<std::uint64_t(Random&)> source;
    std::uint64_t now = 0, seen = 0;
  };

  template <class Q>
  Port<Q>& port() {
    return std::get<Port<Q>>(ports_);
  }
  template <class F>
  void each(F f) {
    (f(std::type_identity<P>{}, port<P>()), ...);
  }

  template <class Q>
  void remember(const char* what, const typename Q::bits& bits) {
    if (!dump) return;
    std::string text = "clock " + std::to_string(tally_.clocks) + " " + what + " " + Q::name + ":";
    const typename Q::bits nothing{};
    text += difference<Q>(bits, nothing, false);
    history_.push_back(text);
    if (history_.size() > history_kept) history_.pop_front();
  }

  void fail(const std::string& what) {
    if (why_.empty()) why_ = "clock " + std::to_string(tally_.clocks) + ": " + what;
  }

  void half(V& v, bool level) {
    v.ap_clk = level;
    v.eval();
    if (dump) dump(2 * tally_.clocks + (level ? 1 : 0));
  }

  void reset(V& v) {
    v.ap_rst_n = 0;
    each([&]<class Q>(std::type_identity<Q>, Port<Q>&) { Q::flag(v) = 0; });
    for (int i = 0; i < 4; ++i) {
      half(v, false);
      half(v, true);
      ++tally_.clocks;
    }
    v.ap_rst_n = 1;
  }

  // Half of the time each port for itself. Else all outputs have room, or all but one: with many outputs,
  // each short of room now and then, hardly a call would get as far as to want the one that is.
  void redraw() {
    const bool alone = vary && random_.chance(50);
    const unsigned scarce = random_.below(sizeof...(P) + sizeof...(P) / 2);
    unsigned i = 0;
    each([&]<class Q>(std::type_identity<Q>, Port<Q>& p) {
      p.gate.redraw(random_);
      p.limit = random_.of(std::vector<unsigned>{4, 4, 4, 2, 1, 0});
      if (Q::output && alone) {
        p.limit = i == scarce ? random_.below(2) : 4;
        p.gate.set(i == scarce ? random_.of(std::vector<unsigned>{0, 2, 50}) : 100);
      }
      ++i;
    });
  }

  // Now and then fields keep to a few of their values, or to one, or take any: what is rare when all vary (a
  // full list, the same slot sixteen times, a sequence of one kind) becomes common.
  void refocus() {
    focus_.clear();
    recalls_ = random_.chance(50);
    const bool all = random_.chance(30);
    for (const Bias& b : biases) {
      const unsigned how = all ? 0 : random_.below(100);
      if (how >= 93 && b.percent != 100) continue;
      focus_.push_back(b);
      if (how < 65) continue;
      std::vector<std::uint64_t> few;
      for (unsigned n = how < 80 ? 1 + random_.below(3) : 1; n != 0; --n) few.push_back(random_.of(b.values));
      focus_.back().values = few;
    }
  }

  // What the outside shows in this clock.
  void drive(V& v) {
    each([&]<class Q>(std::type_identity<Q>, Port<Q>& p) {
      if constexpr (Q::output) {
        if (p.held != 0 && p.gate.open(random_)) --p.held;
        p.room = p.room || p.held < p.limit;
        Q::flag(v) = p.room ? 1 : 0;
      } else {
        if (!p.visible && p.gate.open(random_) && (p.one_in < 2 || random_.below(p.one_in) == 0)) {
          p.head =
              p.source ? p.source(random_) : random_record<Q>(focus_, random_, recalls_ ? &memory_ : nullptr);
          p.visible = true;
          Q::pack(p.head).to(Q::data(v));
        }
        Q::flag(v) = p.visible ? 1 : 0;
      }
    });
    ((drive_scalar<S>(v)), ...);
  }
  template <class Q>
  void drive_scalar(V& v) {
    auto& s = std::get<Value<Q>>(scalars_);
    s.now = s.source ? s.source(random_) : random_.bits();
    if constexpr (Q::width < 64) s.now &= (std::uint64_t{1} << Q::width) - 1;
    using Signal = std::remove_cvref_t<decltype(Q::data(v))>;
    Q::data(v) = static_cast<Signal>(s.now);
  }

  // The native call that belongs to this clock.
  void call(V& v, bool fire) {
    each([&]<class Q>(std::type_identity<Q>, Port<Q>& p) {
      typename Q::type dropped{};
      while (p.native->read_nb(dropped)) {
      }
      const bool vis = Q::vis(v) != 0;
      if constexpr (Q::output) {
        if (!vis) p.native->write(typename Q::type{});  // looks full
      } else {
        if (vis) p.native->write(p.head);
        if (vis && !p.visible) fail(std::string(Q::name) + ": a record was seen that is not there");
      }
    });
    ((std::get<Value<S>>(scalars_).seen = static_cast<std::uint64_t>(S::vis(v))), ...);
    native_();
    each([&]<class Q>(std::type_identity<Q>, Port<Q>& p) {
      const bool vis = Q::vis(v) != 0;
      if constexpr (Q::output) {
        if (!vis || p.native->empty()) return;
        if (!fire) fail(std::string(Q::name) + ": the native kernel writes, the module lies idle");
        const typename Q::type written = p.native->read();
        if (p.sink) p.sink(written);
        p.expected.push_back(Q::pack(written));
        if (recalls_) look_at<Q>(p.expected.back(), memory_, random_);
        remember<Q>("native writes", p.expected.back());
      } else {
        const bool taken = vis && p.native->empty(), strobe = Q::strobe(v) != 0;
        if (taken != strobe)
          fail(std::string(Q::name) + (taken ? ": the native kernel reads, the module does not"
                                             : ": the module reads, the native kernel does not"));
      }
    });
  }

  void watch(V& v, bool called) {
    each([&]<class Q>(std::type_identity<Q>, Port<Q>& p) {
      if constexpr (Q::output) {
        if (Q::resv(v)) {
          if (!p.room) fail(std::string(Q::name) + ": reserved without room");
          p.room = false;
          ++p.held;
        }
        if (Q::strobe(v)) {
          p.seen.push_back(Q::bits::from(Q::data(v)));
          remember<Q>("RTL writes", p.seen.back());
        }
        compare<Q>(p);
      } else if (Q::strobe(v)) {
        if (!called) fail(std::string(Q::name) + ": read outside of a call");
        remember<Q>("read of", Q::pack(p.head));
        p.visible = false;
        ++p.moved;
        ++tally_.read;
      }
    });
  }

  template <class Q>
  void compare(Port<Q>& p) {
    while (!p.expected.empty() && !p.seen.empty()) {
      p.alone = 0;
      if (!(p.expected.front() == p.seen.front()))
        fail(std::string(Q::name) + difference<Q>(p.expected.front(), p.seen.front()));
      p.expected.pop_front();
      p.seen.pop_front();
      ++p.moved;
      ++tally_.written;
    }
    // A record leaves a few clocks before or after its call commits, never much later.
    p.alone = p.expected.empty() && p.seen.empty() ? 0 : p.alone + 1;
    if (p.alone > kMaxApart)
      fail(std::string(Q::name) + (p.seen.empty() ? ": the module does not write what it should"
                                                  : ": the module writes what it should not"));
  }

  template <class Q>
  static std::string difference(const typename Q::bits& native, const typename Q::bits& rtl,
                                bool two = true) {
    std::string text;
    for (const hlsc_ports::Field& f : Q::fields) {
      std::string a, b;
      for (unsigned i = (f.width + 3) / 4; i-- > 0;) {
        const auto digit = [&](const typename Q::bits& x) {
          unsigned d = 0;
          for (unsigned k = 0; k < 4 && 4 * i + k < f.width; ++k) {
            const unsigned at = f.lo + 4 * i + k;
            d |= (x.word[at / 32] >> (at % 32) & 1) << k;
          }
          return "0123456789abcdef"[d];
        };
        a += digit(native);
        b += digit(rtl);
      }
      if (a == b) continue;
      text += two ? std::string("\n    .") + f.name + ": native " + a + ", RTL " + b
                  : std::string(" ") + f.name + "=" + a;
    }
    return text;
  }

  void clock(V& v) {
    if (tally_.clocks % 256 == 0) redraw();
    if (vary && tally_.clocks % 2048 == 1024) refocus();
    drive(v);
    half(v, false);
    const bool fire = v.ap_fire != 0, idle = v.ap_idle != 0;
    if (fire && idle) fail("a call at work and idle at once");
    if (fire || idle) call(v, fire);
    tally_.calls += fire ? 1 : 0;
    tally_.idle += idle ? 1 : 0;
    watch(v, fire);
    half(v, true);
    ++tally_.clocks;
  }

  // ---- parameters of the top from ports: the n-th stream is the n-th stream port, likewise scalars ----
  template <class... A, std::size_t... I>
  void invoke(void (*top)(A...), std::index_sequence<I...>) {
    top(argument<I, A...>()...);
  }
  template <std::size_t I, class... A>
  decltype(auto) argument() {
    constexpr std::array<bool, sizeof...(A)> streams{std::is_lvalue_reference_v<A>...};
    constexpr std::size_t before = [&] {
      std::size_t n = 0;
      for (std::size_t i = 0; i < I; ++i) n += streams[i] == streams[I] ? 1 : 0;
      return n;
    }();
    using Type = std::tuple_element_t<I, std::tuple<A...>>;
    if constexpr (streams[I]) {
      return static_cast<Type>(*std::get<before>(ports_).native);
    } else {
      return Type(std::get<before>(scalars_).seen);
    }
  }

  Random random_;
  Biases focus_;  // of `biases`, for a while
  Memory memory_;
  bool recalls_ = false;  // for a while: fields take what others of their name were
  std::function<void()> native_;
  std::tuple<Port<P>...> ports_;
  std::tuple<Value<S>...> scalars_;
  std::string why_;
  std::deque<std::string> history_;
  Tally tally_;
};

}  // namespace nvtee::cosim
