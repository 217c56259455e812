// Scenarios: any bytes over a small cluster become a scenario or errors with a place in the text (src/sim's reader).
#include "sim/scenario.hpp"

#include <algorithm>

#include "file/cluster_file.hpp"
#include "fuzz.hpp"

namespace {

constexpr std::string_view kCluster = R"([cluster]
name = "fuzz"
witness = "w1"
[[host]]
name = "h1"
address = "10.0.0.1"
cpu = 8
memory = "8GiB"
links = ["10.0.0.1", "10.1.0.1"]
fence = [{ agent = "fence_lab", options = { port = "h1" } }]
[[host]]
name = "h2"
address = "10.0.0.2"
cpu = 8
memory = "8GiB"
links = ["10.0.0.2", "10.1.0.2"]
fence = [{ agent = "fence_lab", options = { port = "h2" } }]
[[host]]
name = "h3"
address = "10.0.0.3"
cpu = 8
memory = "8GiB"
links = ["10.0.0.3", "10.1.0.3"]
fence = [{ agent = "fence_lab", options = { port = "h3" } }]
[[vm]]
name = "db1"
cpu = 1
memory = "1GiB"
[[vm]]
name = "web1"
cpu = 1
memory = "1GiB"
[[vm]]
name = "web2"
cpu = 1
memory = "1GiB"
[[vm]]
name = "batch1"
cpu = 1
memory = "1GiB"
)";
const haven::Spec& cluster() {
  static const haven::Spec kSpec = [] {
    const auto none = [](const std::string&) -> tl::expected<haven::file::DomainText, std::string> {
      return tl::make_unexpected(std::string("there is none"));
    };
    auto spec = haven::file::parse_cluster(kCluster, "cluster.toml", haven::file::Purpose::simulate, none);
    if (!spec)
      for (const auto& error : spec.error()) std::fprintf(stderr, "%s\n", haven::file::to_string(error).c_str());
    FUZZ_EXPECT(spec.has_value());
    return *spec;
  }();
  return kSpec;
}

void expect_order(const haven::sim::Scenario& scenario) {
  haven::Duration last{};
  for (const auto& statement : scenario.statements) {
    FUZZ_EXPECT(statement.at >= last && statement.at <= scenario.end);
    last = statement.at;
  }
  for (const auto& expectation : scenario.expectations)
    FUZZ_EXPECT(!expectation.by || *expectation.by >= haven::Duration{});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = haven::fuzz::text_of(data, size);
  const auto scenario = haven::sim::parse_scenario(text, "fuzz.scenario", cluster());
  if (scenario) {
    expect_order(*scenario);
    return 0;
  }
  FUZZ_EXPECT(!scenario.error().empty());
  const auto lines = std::count(text.begin(), text.end(), '\n') + 1;
  for (const auto& error : scenario.error()) {
    FUZZ_EXPECT(error.line >= 1 && error.line <= lines && error.column >= 1);
    FUZZ_EXPECT(!error.what.empty() && !error.wanted.empty());
  }
  return 0;
}
