// Runs every scenario file of this folder through the real core and holds it to its expectations and to all invariants.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "file/cluster_file.hpp"
#include "sim/simulate.hpp"

namespace haven::sim {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> scenario_files() {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(HAVEN_SCENARIOS)) {
    if (entry.path().extension() == ".scenario") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::string text_of(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// two_hosts/witness_lost.scenario: two_hosts_witness_lost.
std::string name_of(const testing::TestParamInfo<fs::path>& info) {
  std::string name = fs::relative(info.param, HAVEN_SCENARIOS).replace_extension("").string();
  std::replace_if(
      name.begin(), name.end(), [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '_');
  return name;
}

class ScenarioFile : public testing::TestWithParam<fs::path> {};

TEST_P(ScenarioFile, EndsAsExpected) {
  const fs::path cluster = GetParam().parent_path() / "cluster.toml";
  const auto spec = file::parse_cluster(
      text_of(cluster), cluster.string(), file::Purpose::simulate,
      [](const std::string& path) { return tl::make_unexpected("no domain XML is read here: " + path); });
  ASSERT_TRUE(spec) << file::to_string(spec.error().front());
  const auto scenario = parse_scenario(text_of(GetParam()), GetParam().string(), *spec);
  ASSERT_TRUE(scenario) << file::to_string(scenario.error().front());
  const Outcome outcome = simulate(*spec, *scenario, 1);
  EXPECT_TRUE(outcome.good()) << to_text(outcome);
}

INSTANTIATE_TEST_SUITE_P(Story, ScenarioFile, testing::ValuesIn(scenario_files()), name_of);

}  // namespace
}  // namespace haven::sim
