#include "runtime/nvteed/daemon.hpp"

int main(int argc, char** argv) {
  return nvtee::daemon::run({argv + 1, argv + argc}, nvtee::Node::start);
}
