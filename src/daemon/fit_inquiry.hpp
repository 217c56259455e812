// What the hosts said of a file that is to be applied: which of them is out for which resource.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/model/record.hpp"
#include "core/model/spec.hpp"
#include "daemon/fitness.hpp"

namespace haven::daemon {

struct FitAnswers {
  std::string id;                         // of the question; empty: none was put
  std::map<HostName, FitRecord> by_host;  // those that answered
  std::map<HostName, Revision> mods;      // of their records; 0: this host's own, told without one
  std::vector<HostName> silent;           // asked, and did not answer in time
};

struct FitJudged {
  std::vector<std::string> nowhere;   // a sentence for each resource that no host can run, with each host's reason
  std::vector<std::string> warnings;  // which host is out for which resource; who did not say
};
// A host of the file that said nothing may be fit. Only what is to be started must have a host.
[[nodiscard]] FitJudged judge_fitness(const Spec& spec, const FitAnswers& answers);

}  // namespace haven::daemon
