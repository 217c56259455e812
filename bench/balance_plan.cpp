// One answer of the balancer, for bench/balance: reads a cluster with its loads, one word after the other, and prints
// the moves, the score before and after, and the time that deciding took.
//   host NAME CPUS MEMORY_MIB MILLICPU_USED MEMORY_USED_MIB
//   vm NAME VCPUS MEMORY_MIB HOST MILLICPU_USED MEMORY_USED_MIB
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>
#include <utility>

#include "core/placement/balance.hpp"

namespace haven {
namespace {

struct Input {
  std::shared_ptr<Spec> spec = std::make_shared<Spec>();
  BalanceQuestion question;
};

bool read(std::istream& in, Input& input) {
  std::string word;
  while (in >> word) {
    std::string name, at;
    std::int64_t cpus = 0, memory = 0, busy = 0, used = 0;
    if (word == "host") {
      if (!(in >> name >> cpus >> memory >> busy >> used)) return false;
      Host host;
      host.name = HostName(name);
      host.cpu = {cpus};
      host.memory = {memory};
      input.question.hosts.push_back({host.name, ""});
      input.question.host_loads.push_back({host.name, {busy}, {used}, {}, {}, kLoadStands});
      input.spec->hosts.push_back(std::move(host));
    } else if (word == "vm") {
      if (!(in >> name >> cpus >> memory >> at >> busy >> used)) return false;
      Resource vm;
      vm.name = ResourceName(name);
      vm.cpu = {cpus};
      vm.memory = {memory};
      input.question.standing.push_back({vm.name, HostName(at)});
      input.question.guest_loads.push_back({vm.name, {busy}, {}, {used}, kLoadStands});
      input.spec->resources.push_back(std::move(vm));
    } else {
      return false;
    }
  }
  return true;
}

int run(double uneven, std::size_t moves, int reserve) {
  Input input;
  if (!read(std::cin, input)) {
    std::cerr << "balance_plan: the input is neither hosts nor vms\n";
    return 2;
  }
  input.spec->cluster.name = "bench";
  input.spec->cluster.reserve = reserve;
  input.question.limits.uneven = uneven;
  input.question.limits.moves = moves;
  const auto begun = std::chrono::steady_clock::now();
  input.question.roster = std::make_shared<const Roster>(input.spec);
  const auto advice = balance(input.question);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
  std::cout << "seconds " << took.count() << "\nscore " << advice.score_before << " " << advice.score_after << "\n"
            << "complete " << (advice.complete ? 1 : 0) << "\n";
  for (const auto& move : advice.moves)
    std::cout << "move " << move.guest.str() << " " << move.from.str() << " " << move.to.str() << " "
              << std::chrono::duration<double>(move.copying).count() << "\n";
  return 0;
}

}  // namespace
}  // namespace haven

int main(int count, char** words) {
  if (count != 4) {
    std::cerr << "usage: balance_plan UNEVEN MOVES RESERVE < CLUSTER\n";
    return 2;
  }
  return haven::run(std::strtod(words[1], nullptr), std::strtoul(words[2], nullptr, 10), std::atoi(words[3]));
}
