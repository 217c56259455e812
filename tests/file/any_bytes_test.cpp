// Whatever the bytes, the parser answers with a Spec or with errors that name a place in the text.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

#include "file/local_config.hpp"
#include "sample.hpp"

namespace haven::file {
namespace {

void answers(const std::string& text) {
  const auto lines = static_cast<int>(std::count(text.begin(), text.end(), '\n')) + 1;
  for (const Purpose purpose : {Purpose::apply, Purpose::simulate}) {
    const auto spec = parse_cluster(text, "conf/prod.toml", purpose, domains());
    if (spec) continue;
    RC_ASSERT(!spec.error().empty());
    for (const FileError& e : spec.error()) {
      RC_ASSERT(e.line >= 1);
      // A lone carriage return is a line to the TOML reader.
      RC_ASSERT(e.line <= lines + std::count(text.begin(), text.end(), '\r') + 1);
      RC_ASSERT(e.column >= 1);
      RC_ASSERT(!e.what.empty());
      RC_ASSERT(!e.wanted.empty());
    }
  }
  (void)parse_local_config(text, "havend.toml");
}

RC_GTEST_PROP(AnyBytes, AreAnswered, (const std::string& text)) { answers(text); }

RC_GTEST_PROP(AnyBytes, AMutatedFileIsAnswered, ()) {
  std::string text(kFullFile);
  const int edits = *rc::gen::inRange(1, 8);
  for (int i = 0; i < edits; ++i) {
    const auto at = *rc::gen::inRange<std::size_t>(0, text.size());
    const auto length = std::min(*rc::gen::inRange<std::size_t>(0, 40), text.size() - at);
    switch (*rc::gen::inRange(0, 4)) {
      case 0:
        text[at] = static_cast<char>(*rc::gen::inRange(0, 256));
        break;
      case 1:
        text.erase(at, length);
        break;
      case 2:
        text.insert(at, text.substr(*rc::gen::inRange<std::size_t>(0, text.size()), length));
        break;
      default:
        text.insert(
            at, *rc::gen::element<std::string>("[", "]", "{", "}", "\"", "=", "[[vm]]\n", "0x", "inf", "1e999", "\n",
                                               "\\u0000", "'''", "-", "99999999999999999999", "1979-05-27"));
        break;
    }
    if (text.empty()) text = "\n";
  }
  answers(text);
}

TEST(AnyBytes, DeepNestingIsAnswered) {
  for (const char* open : {"[", "{a=", "[[", "a.a."}) {
    std::string text = "x = ";
    for (int i = 0; i < 100000; ++i) text += open;
    EXPECT_FALSE(parse_cluster(text, "c.toml", Purpose::apply, domains())) << open;
  }
}

}  // namespace
}  // namespace haven::file
