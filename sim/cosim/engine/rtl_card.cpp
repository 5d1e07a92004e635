#include "sim/cosim/engine/rtl_card.hpp"

#include <cstdlib>

namespace nvtee::card::test {

std::unique_ptr<Card> make_card() {
  auto card = std::make_unique<cosim::RtlCard>();
#ifdef NVTEE_COSIM_WAVES
  if (const char* file = std::getenv("NVTEE_ENGINE_WAVES")) card->waves(file);
#endif
  return card;
}

}  // namespace nvtee::card::test
