#include "cli/moving.hpp"

#include "core/model/wording.hpp"

namespace haven::cli {

std::string size_words(std::int64_t bytes) {
  constexpr std::int64_t kMiB = 1024 * 1024;
  const std::int64_t mib = (bytes + kMiB - 1) / kMiB;
  if (mib < 1024) return std::to_string(mib) + " MiB";
  return tenths(mib * 1000 / 1024) + " GiB";
}

std::string moving_words(const Json& resource) {
  const std::string to = text(resource, "moving_to");
  const auto moving = resource.find("moving");
  if (to.empty() || moving == resource.end() || !moving->is_object()) return "";
  std::string words = "moving to " + to + ": " + std::to_string(number(*moving, "percent")) + " %, " +
                      size_words(number(*moving, "left_bytes")) + " left, " +
                      std::to_string(number(*moving, "elapsed_ms") / 1000) + " s";
  if (const std::string stuck = text(*moving, "stuck"); !stuck.empty()) words += "; no headway: " + stuck;
  return words;
}

}  // namespace haven::cli
