#pragma once

#include "sql/planner.h"

namespace leat::sql {

/// One side of a join and what has been found out about it so far.
struct Planner::JoinSide {
  From from;
  std::vector<Node> where = {};
  std::vector<Node> keys = {};
  std::set<std::string> read = {};                ///< columns that the condition needs
  std::map<std::string, std::string> names = {};  ///< by column of the relation, in the join
};

/// A join as it comes to be.
struct Planner::JoinSides {
  JoinSide left;
  JoinSide right;
  JoinQuery::Kind kind = JoinQuery::Kind::inner;
  std::vector<Node> conditions = {};  ///< not used up yet, as the user wrote them
  FromScope scope = {};               ///< of the join
  std::set<std::string> taken = {};   ///< names of its columns

  bool shows_right() const {
    return kind != JoinQuery::Kind::semi && kind != JoinQuery::Kind::anti;
  }
};

/// `a BETWEEN b AND c` as two comparisons.
std::vector<Node> without_between(const std::vector<Node>& conditions);

}  // namespace leat::sql
