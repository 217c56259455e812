// Linked into a program of tests: beside each of its simulated nodes runs one that trusts no mark (sim/twin.hpp).
#include "sim/twin.hpp"

namespace haven::sim {
namespace {

[[maybe_unused]] const bool kOn = with_twins = true;

}  // namespace
}  // namespace haven::sim
