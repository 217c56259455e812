// The choices of failure domains that may be lost at once, without those that teach nothing new.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "core/model/spec.hpp"
#include "core/placement/topology.hpp"

namespace haven {

using Loss = std::vector<std::size_t>;  // domains of one level, ascending

class Losses {
 public:
  // Domains of `reserve_domain`; `eligible` is by counted resource: two domains are alike if exchanging them changes
  // nothing for these under the spec's strict rules.
  Losses(const Spec& spec, const Topology& topology, const std::vector<HostSet>& eligible);

  [[nodiscard]] std::size_t domains() const { return shapes_.size(); }

  // The first domain, in the file's order, that this one could be exchanged for.
  [[nodiscard]] std::size_t first_alike(std::size_t domain) const {
    return alike_[domain].empty() ? domain : alike_[domain].front();
  }

  enum class Which {
    distinct,  // the first, in the file's order, of all choices that are alike
    hardest    // of these, only such that no choice at least as hard is left out: if all of them are survived, all are
  };
  // Calls `visit` for choices of `count` domains until it returns false; `distinct` ones in the file's order.
  void each(std::size_t count, Which which, const std::function<bool(const Loss&)>& visit) const;

 private:
  struct Walk;
  struct Shape;
  struct HostShape;
  static bool extend(Walk& walk, std::size_t from);
  static bool covers(const Shape& a, const Shape& b);

  struct HostShape {
    std::int64_t memory_mib = 0;
    double cpu = 0;
    std::vector<bool> eligible;         // by counted resource
    std::vector<std::size_t> standing;  // its domains at the levels that an exchange of two domains does not move
    friend auto operator<=>(const HostShape&, const HostShape&) = default;
  };
  struct Shape {
    std::vector<HostShape> hosts;  // sorted
    friend auto operator<=>(const Shape&, const Shape&) = default;
  };

  std::vector<Shape> shapes_;                       // by domain
  std::vector<std::vector<std::size_t>> alike_;     // by domain: the alike ones before it
  std::vector<std::vector<std::size_t>> stronger_;  // by domain: those whose loss is at least as hard, alike ones not
};

}  // namespace haven
