#include <gtest/gtest.h>
TEST(P2, Builds) {}
