// `haven simulate`.
#include <algorithm>
#include <atomic>
#include <nlohmann/json.hpp>
#include <ostream>
#include <thread>

#include "core/model/spelling.hpp"
#include "sim/shapes.hpp"
#include "sim/simulate.hpp"
#include "sim/what_if.hpp"

#ifndef HAVEN_COMMIT
#define HAVEN_COMMIT "unknown"
#endif

namespace haven::sim {
namespace {

// Of varied seeds, each so manieth replaces guests too.
constexpr std::uint64_t kReplacesEach = 4;

int verdict(const Outcome& outcome) { return outcome.good() ? 0 : 1; }

// 2, with everything that is wrong, if the spec cannot be simulated.
bool can_be_simulated(const Spec& spec, std::ostream& err) {
  bool good = true;
  for (const Host& host : spec.hosts) {
    if (host.cpu.count > 0 && host.memory.count > 0) continue;
    err << "host " << host.name.str()
        << " has no cpu or memory in the file; would be right: cpu = 16, memory = \"64GiB\"\n";
    good = false;
  }
  if (spec.hosts.empty()) {
    err << "the cluster has no host; would be right: at least one [[host]]\n";
    good = false;
  }
  return good;
}

int run_scenario(const SimulateOptions& options, std::ostream& out, std::ostream& err) {
  auto scenario = parse_scenario(options.scenario.value_or(""), options.scenario_name, options.spec);
  if (!scenario) {
    for (const auto& error : scenario.error()) err << file::to_string(error) << "\n";
    return 2;
  }
  const Outcome outcome = simulate(options.spec, *scenario, options.first_seed);
  out << (options.json ? to_json(outcome) + "\n" : to_text(outcome));
  return verdict(outcome);
}

int run_kill(const SimulateOptions& options, std::ostream& out, std::ostream& err) {
  const HostName host{*options.kill};
  if (options.spec.host(host) == nullptr) {
    std::vector<std::string> names;
    for (const Host& known : options.spec.hosts) names.push_back(known.name.str());
    const auto near = closest(host.str(), names);
    err << "--kill: there is no host \"" << host.str() << "\"; would be right: " << near.value_or(names.front())
        << "\n";
    return 2;
  }
  const Outcome outcome = simulate(options.spec, killing(host), options.first_seed);
  out << (options.json ? answer_in_json(options.spec, host, outcome) + "\n"
                       : answer_in_words(options.spec, host, outcome));
  return verdict(outcome);
}

void print(const RandomRun& run, std::ostream& out) {
  for (const Violation& v : run.violations) {
    out << "seed " << run.seed << ": VIOLATION at " << v.at_ms << " ms of " << v.rule << ": " << v.text << " (commit "
        << HAVEN_COMMIT << ")\n";
  }
  for (const std::string& line : run.timeline) out << "  " << line << "\n";
}

nlohmann::ordered_json json_of(const RandomRun& run) {
  nlohmann::ordered_json violations = nlohmann::ordered_json::array();
  for (const Violation& v : run.violations) {
    nlohmann::ordered_json hosts = nlohmann::ordered_json::array();
    for (const HostName& host : v.hosts) hosts.push_back(host.str());
    violations.push_back({{"at_ms", v.at_ms}, {"rule", v.rule}, {"resource", v.resource.str()}, {"hosts", hosts}});
  }
  return {{"seed", run.seed}, {"violations", violations}, {"timeline", run.timeline}};
}

std::string in_words(const Tally& tally) {
  return std::to_string(tally.intents) + " intents, " + std::to_string(tally.fences) + " fences, " +
         std::to_string(tally.returns) + " proofs by return, " + std::to_string(tally.failovers) + " failovers, " +
         std::to_string(tally.starts) + " starts";
}

std::string faults_in_words(const Tally& tally) {
  std::string words;
  for (const auto& [kind, count] : tally.faults) {
    words += (words.empty() ? "" : ", ") + kind + " " + std::to_string(count);
  }
  return words;
}

// The runs of these seeds, in their order, whoever was ready first.
std::vector<RandomRun> run_block(const SimulateOptions& options, std::uint64_t first, std::uint64_t count) {
  std::vector<RandomRun> runs(count);
  std::atomic<std::uint64_t> next{0};
  const auto work = [&] {
    for (std::uint64_t i = next++; i < count; i = next++) {
      const std::uint64_t seed = first + i;
      runs[i] = random_run(options.vary ? varied(options.spec, seed) : options.spec, seed, options.hours,
                           options.vary && seed % kReplacesEach == 0);
    }
  };
  {
    std::vector<std::jthread> others;
    for (unsigned job = 1; job < options.jobs; ++job) others.emplace_back(work);
    work();
  }
  return runs;
}

int run_seeds(const SimulateOptions& options, std::ostream& out) {
  constexpr std::uint64_t kReportEvery = 50;
  nlohmann::ordered_json bad = nlohmann::ordered_json::array();
  Tally tally;
  for (std::uint64_t done = 0; done < *options.seeds;) {
    const std::uint64_t count = std::min(kReportEvery, *options.seeds - done);
    for (const RandomRun& run : run_block(options, options.first_seed + done, count)) {
      tally += run.tally;
      if (run.good()) continue;
      bad.push_back(json_of(run));
      if (!options.json) print(run, out);
    }
    done += count;
    if (!options.json) {
      out << done << " of " << *options.seeds << " seeds, " << bad.size() << " with a violation (" << in_words(tally)
          << ")" << std::endl;
    }
  }
  if (options.json) {
    const nlohmann::ordered_json json{{"seeds", *options.seeds},      {"first_seed", options.first_seed},
                                      {"hours", options.hours},       {"commit", HAVEN_COMMIT},
                                      {"intents", tally.intents},     {"fences", tally.fences},
                                      {"failovers", tally.failovers}, {"starts", tally.starts},
                                      {"faults", tally.faults},       {"bad", bad}};
    out << json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
  } else {
    out << "faults: " << faults_in_words(tally) << "\n";
  }
  return bad.empty() ? 0 : 1;
}

}  // namespace

int run_simulate(const SimulateOptions& options, std::ostream& out, std::ostream& err) {
  if (!can_be_simulated(options.spec, err)) return 2;
  if (options.seeds) return run_seeds(options, out);
  if (options.kill) return run_kill(options, out, err);
  return run_scenario(options, out, err);
}

}  // namespace haven::sim
