#include "hw/kernels/engine/test_card.hpp"

namespace nvtee::card::test {

namespace {
// Few places of each kind, so that they run out.
struct EngineSmall : EngineConfig {
  static constexpr unsigned kSessionBits = 5;
  static constexpr unsigned kStageBits = 4;
  static constexpr unsigned kPuntBits = 2;
};
}  // namespace

std::unique_ptr<Card> make_card() {
  return std::make_unique<NativeCard<EngineSmall>>();
}

}  // namespace nvtee::card::test
