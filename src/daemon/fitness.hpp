// What can run where: each havend looks whether its own host has what the file's domains need, says so in fit/<host>,
// and answers `haven apply`, which asks before it stores another file. The planner keeps out what is unfit.
//
// An answer is a record, not a call: hosts talk through the engine alone, whoever comes later reads what was said, and
// a host that does not answer costs the one who asks his patience and nothing else.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <tl/expected.hpp>

#include "daemon/runtime.hpp"

namespace haven::daemon {

// Who of these cannot run on this host. The error: it cannot be told just now.
using Lacking = std::function<tl::expected<std::vector<Unfit>, std::string>(const std::vector<Need>&)>;

// What these resources need, grouped. Where there is but one host, what a guest keeps on its disk is no question.
[[nodiscard]] std::vector<Need> needs_of(const std::vector<Resource>& resources, bool many_hosts);
// The resources that may run on this host, by only and never.
[[nodiscard]] std::vector<Resource> allowed_on(const Spec& spec, const HostName& host);

class Fitness {
 public:
  // Networks come and go, and nobody tells: looked at again so often, and sooner where something is missing.
  static constexpr Duration kLookAgain = 30s;
  static constexpr Duration kLookAgainSoon = 5s;

  // `runtime` outlives this.
  Fitness(Runtime& runtime, HostName here, Incarnation incarnation, Lacking lacking);
  // Waits for a look under way.
  ~Fitness();
  Fitness(const Fitness&) = delete;
  Fitness& operator=(const Fitness&) = delete;

 private:
  struct Known {
    std::shared_ptr<const Spec> spec;
    std::string cluster;
    QuestionRecord question;  // id empty: none
    FitRecord said;
    Revision said_mod, member_mod;
    bool registered = false;
  };
  void serve();
  [[nodiscard]] bool see(Known& known) const;
  void look(const Known& known);

  Runtime& runtime_;
  const HostName here_;
  const Incarnation incarnation_;
  const Lacking lacking_;
  // Of the last look.
  std::shared_ptr<const Spec> spec_;
  FitRecord found_;
  std::atomic<bool> ending_{false};
  std::thread thread_;
};

}  // namespace haven::daemon
