#include "sim/cosim/engine/rtl_card.hpp"

namespace nvtee::card::test {

std::unique_ptr<Card> make_card() {
  return std::make_unique<cosim::RtlCard>();
}

}  // namespace nvtee::card::test
