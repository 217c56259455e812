// What follows from a Spec alone and is asked for in every pass: who is who by index, what fails together, which rules
// are about whom, in which order resources are served. Made once for each edition of the spec and never changed.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "core/model/spec.hpp"
#include "core/placement/topology.hpp"

namespace haven {

struct Roster {
  explicit Roster(std::shared_ptr<const Spec> of);

  // nullptr: no such name.
  [[nodiscard]] const Host* host(const HostName& name) const;
  [[nodiscard]] const Resource* resource(const ResourceName& name) const;
  // Its place in the spec; nullopt: no such name.
  [[nodiscard]] std::optional<std::size_t> index(const ResourceName& name) const;

  std::shared_ptr<const Spec> spec;
  Topology topology;
  std::unordered_map<ResourceName, std::size_t> indexes;
  std::vector<const Resource*> order;  // by importance
  std::vector<std::size_t> rank;       // by resource: its place in `order`
  // The strict `together` sets, most important first, each with its members; whoever is in none is one of its own.
  std::vector<std::vector<const Resource*>> sets;
  std::vector<std::size_t> set_of;  // by resource
  // By resource: the highest priority of those that its absence concerns: itself, its set, whoever starts after it.
  std::vector<int> weight;
  std::vector<std::size_t> awaited;                 // resources that another one comes after, each once
  std::vector<std::vector<std::size_t>> members;    // by rule: its resources
  std::vector<std::vector<std::size_t>> rules;      // by resource: its rules
  std::vector<std::vector<std::size_t>> templates;  // by resource: the other instances of its template
  std::vector<std::size_t> successors;              // resources that are to take the place of another one of the spec
  std::vector<std::size_t> partner;  // by resource: the other one of its replacement; itself: there is none

 private:
  void weigh();
};

}  // namespace haven
