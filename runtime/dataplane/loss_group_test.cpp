#include "runtime/dataplane/loss_group.hpp"

#include <gtest/gtest.h>

namespace nvtee::dataplane {
namespace {

using Group = LossGroup<int>;

TEST(LossGroup, WaitsForEveryNamespaceOfThePeer) {
  Group g;
  EXPECT_FALSE(g.open());
  g.lost(0, 0b111, 100);
  ASSERT_TRUE(g.takes(0));
  EXPECT_FALSE(g.takes(1)) << "its leg is not lost yet: it commits as ever";
  g.add(0, 10, 100);
  EXPECT_FALSE(g.due(100));
  g.lost(1, 0b111, 101);
  g.lost(2, 0b111, 102);
  g.add(2, 12, 100);
  EXPECT_FALSE(g.due(102)) << "namespace 1 has not asked for its commit yet";
  g.add(1, 11, 100);
  EXPECT_TRUE(g.due(102));
  EXPECT_EQ(g.take(), (std::vector<int>{10, 12, 11}));
  EXPECT_FALSE(g.open());
  EXPECT_FALSE(g.takes(0));
}

TEST(LossGroup, WaitsForTheNextOneButNotLong) {
  Group g;
  g.lost(0, 0b111, 100);
  g.add(0, 1, 200);
  EXPECT_EQ(g.until(), 200 + Group::kPatience);
  g.lost(1, 0b111, 300);
  EXPECT_EQ(g.until(), 300 + Group::kPatience);
  EXPECT_FALSE(g.due(300 + Group::kPatience - 1));
  EXPECT_TRUE(g.due(300 + Group::kPatience));
  EXPECT_EQ(g.take(), std::vector<int>{1});
}

TEST(LossGroup, ItsPatienceIsBoundedInAll) {
  Group g;
  Time now = 100;
  g.lost(0, ~Group::Mask{0}, now);
  for (unsigned ns = 1; ns < 20; ++ns) g.lost(ns, 0, now += Group::kPatience / 2);
  EXPECT_EQ(g.until(), 100 + Group::kPatienceInAll);
  EXPECT_TRUE(g.due(now));
}

TEST(LossGroup, ALegThatDiesAloneWaitsForNobody) {
  Group g;
  g.lost(3, 0b1000, 100);
  EXPECT_FALSE(g.open());
  EXPECT_FALSE(g.takes(3));
}

TEST(LossGroup, ASecondPeerJoins) {
  Group g;
  g.lost(0, 0b0011, 100);
  g.lost(63, Group::Mask{1} << 63, 101);
  EXPECT_TRUE(g.takes(63));
  g.add(0, 1, 100);
  g.add(63, 2, 100);
  EXPECT_FALSE(g.due(101));
  g.lost(1, 0b0011, 102);
  g.add(1, 3, 100);
  EXPECT_TRUE(g.due(102));
}

TEST(LossGroup, AllThatANamespaceCommitsKeepsItsOrder) {
  Group g;
  g.lost(0, 0b11, 100);
  g.add(0, 1, 100);
  g.add(0, 2, 100);
  g.lost(1, 0b11, 100);
  g.add(1, 3, 100);
  EXPECT_EQ(g.take(), (std::vector<int>{1, 2, 3}));
}

TEST(LossGroup, ARemovedNamespaceIsNotWaitedForAndLosesNoCommit) {
  Group g;
  g.lost(0, 0b11, 100);
  g.add(0, 1, 100);
  g.forget(1);
  EXPECT_TRUE(g.due(100));
  g.forget(0);
  EXPECT_TRUE(g.open());
  EXPECT_TRUE(g.due(100)) << "what it had asked for still goes out";
  EXPECT_EQ(g.take(), std::vector<int>{1});
}

}  // namespace
}  // namespace nvtee::dataplane
