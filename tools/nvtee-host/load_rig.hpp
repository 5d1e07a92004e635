// A load against a scripted subsystem in the same loop, for the load's tests.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <optional>

#include "runtime/nvmf/initiator/fake_peer.hpp"
#include "tools/nvtee-host/load.hpp"
#include "tools/nvtee-host/report.hpp"

namespace nvtee::host {

using nvmf::FakePeer;
using nvmf::Sqe;
using testing::HasSubstr;
using Connection = FakePeer::Connection;

class LoadTest : public testing::Test {
 protected:
  std::unique_ptr<net::Reactor> reactor = std::move(*net::Reactor::create());
  FakePeer peer{*reactor};
  LoadOptions options;
  std::unique_ptr<Load> load;

  void SetUp() override {
    options.connection.addresses = {peer.address()};
    options.connection.host_nqn = "nqn.test:host";
    options.connection.sub_nqn = "nqn.test:subsys";
    options.connection.nsid = 1;
    options.workload.sizes = {{512, 32768, 1}};
    options.workload.mix = {40, 60};
    options.workload.range = {0, 2 << 20};
    options.queues = 2;
    options.depth = 8;
    options.ops = 3000;
    options.verify = true;
    options.timeout = 10 * kSecond;
  }
  const Report& run(std::optional<Shadow> state = {}) {
    load = std::make_unique<Load>(*reactor, options, std::move(state));
    return load->run();
  }
  void expect_clean(const Report& r) {
    EXPECT_EQ(r.exit, Exit::kOk) << report_text(r);
    EXPECT_EQ(r.violation_count(), 0u);
    EXPECT_GT(r.read_back_blocks, 0u);
  }
  std::uint64_t count(const Report& r, Fault f) { return r.faults[static_cast<std::size_t>(f)]; }
};

}  // namespace nvtee::host
