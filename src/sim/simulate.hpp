// The simulator's front door: a cluster file and a scenario in, what came of it out (DESIGN 8; FORMATS, "Scenarios").
#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>

#include "sim/outcome.hpp"
#include "sim/random_faults.hpp"
#include "sim/scenario.hpp"

namespace haven::sim {

// The spec needs every host's cpu and memory. The same spec, scenario and seed give the same outcome, on any machine.
[[nodiscard]] Outcome simulate(const Spec& spec, const Scenario& scenario, std::uint64_t seed);

// One object, as FORMATS has it, on one line.
[[nodiscard]] std::string to_json(const Outcome& outcome);
// A table of the same for a person.
[[nodiscard]] std::string to_text(const Outcome& outcome);

// `haven simulate`, its command line already read and the cluster file parsed (file::Purpose::simulate). At most one of
// scenario, seeds and kill.
struct SimulateOptions {
  Spec spec;
  std::string scenario_name;            // as error messages are to call it
  std::optional<std::string> scenario;  // its text; none: nothing happens for 500 s
  std::optional<std::uint64_t> seeds;   // random faults: how many runs
  std::uint64_t first_seed = 1;         // also the seed of a scenario's run
  double hours = 1;                     // simulated, for each seed
  unsigned jobs = 1;                    // seeds at a time; the results are the same for any number
  bool vary = false;                    // each seed runs on a file of its own (sim/shapes)
  std::optional<std::string> kill;      // what happens if this host dies
  bool json = false;
};
// Writes to `out` (results; with json one object on the last line) and `err` (bad input). 0: every expectation and
// invariant held; 1: not; 2: bad input.
int run_simulate(const SimulateOptions& options, std::ostream& out, std::ostream& err);

}  // namespace haven::sim
