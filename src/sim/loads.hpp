// What the machines of a simulated cluster have to do, and what a measurement of one of them would find: port::Measured
// in virtual time. A guest wants as much as it was given here (nothing by default) and keeps all its memory resident; a
// host whose guests want more than it has gives each the same part of that, and everybody waits for the rest.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "core/model/spec.hpp"
#include "port/load_meter.hpp"

namespace haven::sim {

class Loads {
 public:
  // False while nobody was given anything: nothing is measured.
  [[nodiscard]] bool any() const { return any_; }
  void want(const ResourceName& guest, MilliCpu cpu);
  void want(const HostName& host, MilliCpu cpu);  // besides its guests
  struct Running {
    const Resource* guest;
    std::optional<MilliCpu> cap{};  // it has no more, and waits for the rest
  };
  // `guests`: those that run there; in this world a uuid is a name.
  [[nodiscard]] port::Measured measure(const Host& host, const std::vector<Running>& guests) const;

 private:
  std::map<ResourceName, MilliCpu> guests_;
  std::map<HostName, MilliCpu> hosts_;
  bool any_ = false;
};

}  // namespace haven::sim
