// A fence agent's metadata (src/adapter/fence_agent/metadata), and an operator's options judged by it: the first line
// holds the options as key=value, parted by blanks, the rest is what the agent said of itself.
#include "adapter/fence_agent/metadata.hpp"

#include <algorithm>

#include "fuzz.hpp"

namespace {

std::map<std::string, std::string> options_of(std::string_view line) {
  std::map<std::string, std::string> options;
  while (!line.empty()) {
    const auto word = line.substr(0, line.find(' '));
    line.remove_prefix(std::min(line.size(), word.size() + 1));
    const auto equals = word.find('=');
    if (equals == std::string_view::npos) continue;
    options.emplace(word.substr(0, equals), word.substr(equals + 1));
  }
  return options;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace haven::adapter;
  const auto [line, xml] = haven::fuzz::split_line(haven::fuzz::text_of(data, size));
  (void)is_agent_name(std::string(line));
  const auto metadata = parse_metadata(xml);
  if (!metadata) {
    FUZZ_EXPECT(!metadata.error().empty());
    return 0;
  }
  const auto options = options_of(line);
  bool ours = false;
  for (const auto& [key, value] : options) {
    (void)secret_of(*metadata, key);
    ours = ours || key == "action" || key == "option";
  }
  const auto faults = faults_of(*metadata, "fence_fuzz", options);
  FUZZ_EXPECT(!ours || !faults.empty());  // the verb is Haven's to say, whatever the agent knows
  for (const auto& fault : faults) FUZZ_EXPECT(!fault.empty());
  return 0;
}
