#include "core/recovery/importance.hpp"

#include <algorithm>

namespace haven {

std::vector<const Resource*> by_importance(const Spec& spec) {
  std::vector<const Resource*> order;
  order.reserve(spec.resources.size());
  for (const auto& resource : spec.resources) order.push_back(&resource);
  std::stable_sort(order.begin(), order.end(), [](const Resource* a, const Resource* b) {
    if (a->priority != b->priority) return a->priority > b->priority;
    return a->name < b->name;
  });
  return order;
}

}  // namespace haven
