//! Bodies of GRAPH_TABLE that are refused: the error, its place, its hint.

/// The body begins at column 28 of line 1, and `)` ends it on a line of its own.
pub(super) const REFUSED: &[(&str, &str)] = &[
    ("", "expected the name of a graph, found the ')' that ends GRAPH_TABLE @ line 2, column 1"),
    ("g", "expected MATCH, found the ')' that ends GRAPH_TABLE @ line 2, column 1"),
    ("MATCH (a) COLUMNS (a.x)", "expected MATCH, found '(' @ line 1, column 34"),
    ("g (a) COLUMNS (a.x)", "expected MATCH, found '(' @ line 1, column 30"),
    (
        "g MATCH COLUMNS (1 AS one)",
        "expected a path pattern: a variable and '=', ANY, ALL, SHORTEST, TRAIL or '(', found 'COLUMNS' @ line 1, column 36",
    ),
    ("g MATCH (a)", "expected ',', WHERE or COLUMNS, found the ')' that ends GRAPH_TABLE @ line 2, column 1"),
    (
        "g MATCH (a) COLUMNS",
        "expected '(' behind COLUMNS, found the ')' that ends GRAPH_TABLE @ line 2, column 1",
    ),
    ("g MATCH (a) COLUMNS ()", "expected an expression, found ')' @ line 1, column 49"),
    ("g MATCH (a) COLUMNS (a.x) x", "expected the ')' that ends GRAPH_TABLE, found 'x' @ line 1, column 54"),
    (
        "g MATCH (a) COLUMNS (a.x) COLUMNS (a.x)",
        "expected the ')' that ends GRAPH_TABLE, found 'COLUMNS' @ line 1, column 54",
    ),
    ("g MATCH (a) COLUMNS (a.x,)", "expected an expression, found ')' @ line 1, column 53"),
    (
        "g MATCH (a) COLUMNS (*)",
        "* is not supported in COLUMNS @ line 1, column 49 (name an element of the pattern: v.*)",
    ),
    (
        "g MATCH (a) COLUMNS (1)",
        "a column that is no property needs a name @ line 1, column 49 (write AS and a name behind it)",
    ),
    (
        "g MATCH (a) COLUMNS (a.x y)",
        "expected AS, ',' or ')' to end the list of columns that begins at line 1, column 48, found 'y' @ line 1, column 53",
    ),
    (
        "g MATCH (a) COLUMNS (a.x + 1 y)",
        "expected AS before the name of the column, found 'y' @ line 1, column 57",
    ),
    ("g MATCH (a) COLUMNS (a.x AS)", "expected a name for the column, found ')' @ line 1, column 55"),
    ("g MATCH (a) COLUMNS (b.*)", "no element b stands in the pattern @ line 1, column 49"),
    (
        "g MATCH p = (a) COLUMNS (p.*)",
        "p is a path, which has no properties @ line 1, column 53 (name a node or an edge)",
    ),
    ("g MATCH (a) COLUMNS (a.x", "the '(' of GRAPH_TABLE is not closed @ line 1, column 15"),
    ("g MATCH (a WHERE) COLUMNS (a.x)", "expected an expression, found ')' @ line 1, column 44"),
    ("g MATCH (a WHERE a.x = ) COLUMNS (a.x)", "expected an expression, found ')' @ line 1, column 51"),
    (
        "g MATCH (a WHERE a.x = 1 a.y) COLUMNS (a.x)",
        "expected ')' to end the node pattern that begins at line 1, column 36, found 'a' @ line 1, column 53",
    ),
    (
        "g MATCH (a user) COLUMNS (a.x)",
        "expected IS, ':', WHERE or ')' to end the node pattern that begins at line 1, column 36, found 'user' @ line 1, column 39",
    ),
    ("g MATCH (a IS) COLUMNS (a.x)", "expected a label, found ')' @ line 1, column 41"),
    ("g MATCH (a IS WHERE a.x) COLUMNS (a.x)", "expected a label, found 'WHERE' @ line 1, column 42"),
    (
        "g MATCH (a IS user role) COLUMNS (a.x)",
        "expected '|', '&', WHERE or ')' to end the node pattern that begins at line 1, column 36, found 'role' @ line 1, column 47",
    ),
    ("g MATCH (a:) COLUMNS (a.x)", "expected a label, found ')' @ line 1, column 39"),
    ("g MATCH (a::user) COLUMNS (a.x)", "expected a label, found ':' @ line 1, column 39"),
    (
        "g MATCH (a IS x||y) COLUMNS (a.x)",
        "expected a label: labels are joined by one '|', found '|' @ line 1, column 44",
    ),
    (
        "g MATCH (a IS x&&y) COLUMNS (a.x)",
        "expected a label: labels are joined by one '&', found '&' @ line 1, column 44",
    ),
    (
        "g MATCH (a IS (x|y) COLUMNS (a.x)",
        "expected '|', '&', WHERE or ')' to end the node pattern that begins at line 1, column 36, found 'COLUMNS' @ line 1, column 48",
    ),
    ("g MATCH (a IS x|) COLUMNS (a.x)", "expected a label, found ')' @ line 1, column 44"),
    (
        "g MATCH (a {x: 1}) COLUMNS (a.x)",
        "properties in braces are not supported @ line 1, column 39 (write the condition as WHERE v.property = value)",
    ),
    (
        "g MATCH (a:user {x: 1}) COLUMNS (a.x)",
        "properties in braces are not supported @ line 1, column 44 (write the condition as WHERE v.property = value)",
    ),
    (
        "g MATCH (1) COLUMNS (a.x)",
        "expected a variable, IS, ':', WHERE or ')' to end the node pattern that begins at line 1, column 36, found '1' @ line 1, column 37",
    ),
    (
        "g MATCH (a COLUMNS (a.x)",
        "expected IS, ':', WHERE or ')' to end the node pattern that begins at line 1, column 36, found 'COLUMNS' @ line 1, column 39",
    ),
    (
        "g MATCH (a COST 1) COLUMNS (a.x)",
        "expected IS, ':', WHERE or ')' to end the node pattern that begins at line 1, column 36, found 'COST' @ line 1, column 39",
    ),
    ("g MATCH (where) COLUMNS (1 AS one)", "expected an expression, found ')' @ line 1, column 42"),
    (
        "g MATCH ('a') COLUMNS (a.x)",
        "expected a variable, IS, ':', WHERE or ')' to end the node pattern that begins at line 1, column 36, found ''a'' @ line 1, column 37",
    ),
    (
        "g MATCH [a] COLUMNS (a.x)",
        "expected a path pattern: a variable and '=', ANY, ALL, SHORTEST, TRAIL or '(', found '[' @ line 1, column 36",
    ),
    (
        "g MATCH (a)-[e]-> COLUMNS (a.x)",
        "a path pattern cannot end with an edge @ line 1, column 39 (write () for a node without conditions)",
    ),
    (
        "g MATCH (a)-[e] COLUMNS (a.x)",
        "expected '->' or '-' behind the edge pattern, found 'COLUMNS' @ line 1, column 44",
    ),
    (
        "g MATCH (a)-[e](b) COLUMNS (a.x)",
        "expected '->' or '-' behind the edge pattern, found '(' @ line 1, column 43",
    ),
    (
        "g MATCH (a)-[e>(b) COLUMNS (a.x)",
        "expected IS, ':', WHERE or ']' to end the edge pattern that begins at line 1, column 40, found '>' @ line 1, column 42",
    ),
    (
        "g MATCH (a)-[e->(b) COLUMNS (a.x)",
        "expected IS, ':', WHERE or ']' to end the edge pattern that begins at line 1, column 40, found '->' @ line 1, column 42",
    ),
    (
        "g MATCH (a)-[e IS f->(b) COLUMNS (a.x)",
        "expected '|', '&', WHERE or ']' to end the edge pattern that begins at line 1, column 40, found '->' @ line 1, column 47",
    ),
    (
        "g MATCH (a)-[e WHERE e.x = 1->(b) COLUMNS (a.x)",
        "expected COST or ']' to end the edge pattern that begins at line 1, column 40, found 'COLUMNS' @ line 1, column 62",
    ),
    (
        "g MATCH (a)<-[e](b) COLUMNS (a.x)",
        "expected '-' behind the edge pattern, found '(' @ line 1, column 44",
    ),
    (
        "g MATCH (a)-[e*1..3]->(b) COLUMNS (a.x)",
        "a quantifier within the brackets of an edge is not supported @ line 1, column 42 (write it behind the edge: -[e]->{1,3})",
    ),
    (
        "g MATCH (a)-[e:f*]->(b) COLUMNS (a.x)",
        "a quantifier within the brackets of an edge is not supported @ line 1, column 44 (write it behind the edge: -[e]->{1,3})",
    ),
    ("g MATCH (a)->>(b) COLUMNS (a.x)", "expected ',', WHERE or COLUMNS, found '>' @ line 1, column 41"),
    ("g MATCH (a)=>(b) COLUMNS (a.x)", "expected ',', WHERE or COLUMNS, found '=>' @ line 1, column 39"),
    ("g MATCH (a)<(b) COLUMNS (a.x)", "expected an edge pattern: '<-', found '(' @ line 1, column 40"),
    (
        "g MATCH (a)~[e]~(b) COLUMNS (a.x)",
        "an edge without a direction is not supported @ line 1, column 39 (every edge has a direction: write -[...]-> or <-[...]-, or -[...]- for either)",
    ),
    (
        "g MATCH (a)~(b) COLUMNS (a.x)",
        "an edge without a direction is not supported @ line 1, column 39 (every edge has a direction: write -[...]-> or <-[...]-, or -[...]- for either)",
    ),
    (
        "g MATCH (a)<~[e]~(b) COLUMNS (a.x)",
        "an edge without a direction is not supported @ line 1, column 39 (every edge has a direction: write -[...]-> or <-[...]-, or -[...]- for either)",
    ),
    (
        "g MATCH (a)~[e]~>(b) COLUMNS (a.x)",
        "an edge without a direction is not supported @ line 1, column 39 (every edge has a direction: write -[...]-> or <-[...]-, or -[...]- for either)",
    ),
    (
        "g MATCH (a)-/ f /->(b) COLUMNS (a.x)",
        "a path between -/ and /- is not supported @ line 1, column 39 (write each edge in brackets: -[IS label]->)",
    ),
    (
        "g MATCH (a)->(b)|(c)->(d) COLUMNS (a.x)",
        "alternatives of path patterns are not supported @ line 1, column 44 (write a GRAPH_TABLE for each of them, with UNION ALL between)",
    ),
    (
        "g MATCH (a) |+| (c) COLUMNS (a.x)",
        "alternatives of path patterns are not supported @ line 1, column 40 (write a GRAPH_TABLE for each of them, with UNION ALL between)",
    ),
    (
        "g MATCH (a)(b) COLUMNS (a.x)",
        "between two nodes stands an edge @ line 1, column 39 (put ->, <- or - between them, or a comma before another path)",
    ),
    (
        "g MATCH ()() COLUMNS (1 AS one)",
        "between two nodes stands an edge @ line 1, column 38 (put ->, <- or - between them, or a comma before another path)",
    ),
    (
        "g MATCH -> COLUMNS (1 AS one)",
        "a path pattern cannot start with an edge @ line 1, column 36 (write () for a node without conditions)",
    ),
    (
        "g MATCH -[e]->(b) COLUMNS (b.x)",
        "a path pattern cannot start with an edge @ line 1, column 36 (write () for a node without conditions)",
    ),
    (
        "g MATCH ()-[]- COLUMNS (1 AS one)",
        "a path pattern cannot end with an edge @ line 1, column 38 (write () for a node without conditions)",
    ),
    (
        "g MATCH ()-> ->() COLUMNS (1 AS one)",
        "between two edges stands a node @ line 1, column 41 (write () for a node without conditions)",
    ),
    (
        "g MATCH (-[e]->){2} COLUMNS (1 AS one)",
        "a path pattern cannot start with an edge @ line 1, column 37 (write () for a node without conditions)",
    ),
    (
        "g MATCH (a)->{0}(b) COLUMNS (a.x)",
        "a quantifier repeats at least once: its upper bound is 0 @ line 1, column 41",
    ),
    (
        "g MATCH (a)->{3,1}(b) COLUMNS (a.x)",
        "the bounds of the quantifier are the wrong way round: 3 is more than 1 @ line 1, column 41",
    ),
    (
        "g MATCH (a)->{}(b) COLUMNS (a.x)",
        "expected a number or ',' in the quantifier, found '}' @ line 1, column 42",
    ),
    (
        "g MATCH (a)->{,}(b) COLUMNS (a.x)",
        "a quantifier without bounds @ line 1, column 42 (write * for any number)",
    ),
    ("g MATCH (a)->{1.5}(b) COLUMNS (a.x)", "expected a whole number, found '1.5' @ line 1, column 42"),
    (
        "g MATCH (a)->{x}(b) COLUMNS (a.x)",
        "expected a number or ',' in the quantifier, found 'x' @ line 1, column 42",
    ),
    (
        "g MATCH (a)->{$1}(b) COLUMNS (a.x)",
        "expected a number or ',' in the quantifier, found '$1' @ line 1, column 42",
    ),
    (
        "g MATCH (a)->{1,x}(b) COLUMNS (a.x)",
        "expected a number or '}' to end the quantifier that begins at line 1, column 41, found 'x' @ line 1, column 44",
    ),
    (
        "g MATCH (a)->{1,2,3}(b) COLUMNS (a.x)",
        "expected '}' to end the quantifier that begins at line 1, column 41, found ',' @ line 1, column 45",
    ),
    (
        "g MATCH (a)->{99999999999}(b) COLUMNS (a.x)",
        "the number 99999999999 is too large: at most 4294967295 is taken @ line 1, column 42",
    ),
    (
        "g MATCH (a)->{1(b) COLUMNS (a.x)",
        "expected ',' or '}' to end the quantifier that begins at line 1, column 41, found '(' @ line 1, column 43",
    ),
    (
        "g MATCH (a)->{1,3}{2}(b) COLUMNS (a.x)",
        "expected ',', WHERE or COLUMNS, found '{' @ line 1, column 46",
    ),
    (
        "g MATCH (a)->*(b) COLUMNS (a.x)",
        "a quantifier without an upper bound has endless matches @ line 1, column 41 (write ANY SHORTEST or TRAIL in front of the path pattern, or a bound: {1,10})",
    ),
    (
        "g MATCH (a)->+(b) COLUMNS (a.x)",
        "a quantifier without an upper bound has endless matches @ line 1, column 41 (write ANY SHORTEST or TRAIL in front of the path pattern, or a bound: {1,10})",
    ),
    (
        "g MATCH (a)->{2,}(b) COLUMNS (a.x)",
        "a quantifier without an upper bound has endless matches @ line 1, column 41 (write ANY SHORTEST or TRAIL in front of the path pattern, or a bound: {1,10})",
    ),
    (
        "g MATCH ALL (a)->*(b) COLUMNS (a.x)",
        "a quantifier without an upper bound has endless matches @ line 1, column 45 (write ANY SHORTEST or TRAIL in front of the path pattern, or a bound: {1,10})",
    ),
    (
        "g MATCH WALK (a)->*(b) COLUMNS (a.x)",
        "a quantifier without an upper bound has endless matches @ line 1, column 46 (write ANY SHORTEST or TRAIL in front of the path pattern, or a bound: {1,10})",
    ),
    (
        "g MATCH (TRAIL (a)->(b))* COLUMNS (1 AS one)",
        "a quantifier without an upper bound has endless matches @ line 1, column 52 (write ANY SHORTEST or TRAIL in front of the path pattern, or a bound: {1,10})",
    ),
    (
        "g MATCH (a){2} COLUMNS (1 AS one)",
        "a node takes no quantifier @ line 1, column 39 (repeat an edge, or a path in parentheses: ((a)-[e]->(b)){1,3})",
    ),
    ("g MATCH ((a)){2} COLUMNS (1 AS one)", "a repeated part needs an edge @ line 1, column 41"),
    (
        "g MATCH (a)->(b), COLUMNS (a.x)",
        "expected a path pattern: a variable and '=', ANY, ALL, SHORTEST, TRAIL or '(', found 'COLUMNS' @ line 1, column 46",
    ),
    (
        "g MATCH (a)->(b) (c) COLUMNS (a.x)",
        "between two nodes stands an edge @ line 1, column 45 (put ->, <- or - between them, or a comma before another path)",
    ),
    (
        "g MATCH p (a)->(b) COLUMNS (a.x)",
        "expected a path pattern: a variable and '=', ANY, ALL, SHORTEST, TRAIL or '(', found 'p' @ line 1, column 36",
    ),
    (
        "g MATCH p = COLUMNS (a.x)",
        "expected a path pattern: ANY, ALL, SHORTEST, TRAIL or '(', found 'COLUMNS' @ line 1, column 40",
    ),
    (
        "g MATCH SHORTEST (a)->*(b) COLUMNS (a.x)",
        "expected a number, or GROUP, behind SHORTEST, found '(' @ line 1, column 45 (write ANY SHORTEST for one path, ALL SHORTEST for all that are as good)",
    ),
    (
        "g MATCH CHEAPEST (a)->*(b) COLUMNS (a.x)",
        "expected a number, or GROUP, behind CHEAPEST, found '(' @ line 1, column 45 (write ANY CHEAPEST for one path, ALL CHEAPEST for all that are as good)",
    ),
    ("g MATCH SHORTEST 0 (a)->*(b) COLUMNS (a.x)", "the number of paths is at least 1 @ line 1, column 45"),
    ("g MATCH ANY 0 (a)->*(b) COLUMNS (a.x)", "the number of paths is at least 1 @ line 1, column 40"),
    (
        "g MATCH SHORTEST x (a)->*(b) COLUMNS (a.x)",
        "expected a number, or GROUP, behind SHORTEST, found 'x' @ line 1, column 45 (write ANY SHORTEST for one path, ALL SHORTEST for all that are as good)",
    ),
    (
        "g MATCH TOP 3 SHORTEST (a)->*(b) COLUMNS (a.x)",
        "TOP is not supported in a path pattern @ line 1, column 36 (write SHORTEST k or CHEAPEST k, and the number for k)",
    ),
    (
        "g MATCH ANY LONGEST (a)->*(b) COLUMNS (a.x)",
        "expected a path pattern: '(', found 'LONGEST' @ line 1, column 40",
    ),
    (
        "g MATCH TRAIL ANY (a)->*(b) COLUMNS (a.x)",
        "expected a path pattern: '(', found 'ANY' @ line 1, column 42",
    ),
    (
        "g MATCH ANY CHEAPEST (a)->*(b) COLUMNS (a.x)",
        "CHEAPEST needs the cost of the edges @ line 1, column 36 (write it into an edge: -[e COST e.property]->)",
    ),
    (
        "g MATCH (a)-[e COST e.w]->(b) COLUMNS (a.x)",
        "COST without CHEAPEST changes nothing @ line 1, column 39 (write ANY CHEAPEST in front of the path pattern)",
    ),
    (
        "g MATCH ANY SHORTEST (a)-[e COST e.w]->(b) COLUMNS (a.x)",
        "COST without CHEAPEST changes nothing @ line 1, column 52 (write ANY CHEAPEST in front of the path pattern)",
    ),
    (
        "g MATCH ANY CHEAPEST (a)-[e COST]->*(b) COLUMNS (a.x)",
        "expected an expression, found ']' @ line 1, column 60",
    ),
    (
        "g MATCH ANY CHEAPEST (a)-[e COST e.w WHERE e.x]->*(b) COLUMNS (a.x)",
        "expected ']' to end the edge pattern that begins at line 1, column 53, found 'WHERE' @ line 1, column 65",
    ),
    ("g MATCH (a)-[a]->(b) COLUMNS (a.x)", "the variable a is a node and an edge @ line 1, column 39"),
    ("g MATCH a = (a)->(b) COLUMNS (a.x)", "the variable a is a path and a node @ line 1, column 40"),
    ("g MATCH p = (a), p = (b) COLUMNS (a.x)", "two paths are named p @ line 1, column 45"),
    (
        "g MATCH (a)((a)->(b)){2} COLUMNS (1 AS one)",
        "the variable a stands inside and outside of a repeated part @ line 1, column 40 (give one of them another name: inside it stands for a list)",
    ),
    (
        "g MATCH ((a)->(b)){2}((a)->(c)){2} COLUMNS (1 AS one)",
        "the variable a stands inside and outside of a repeated part @ line 1, column 50 (give one of them another name: inside it stands for a list)",
    ),
    (
        "g MATCH (a)-[e]->{2}(b)-[e]->(c) COLUMNS (1 AS one)",
        "the variable e stands inside and outside of a repeated part @ line 1, column 51 (give one of them another name: inside it stands for a list)",
    ),
    (
        "g MATCH DIFFERENT (a) COLUMNS (1 AS one)",
        "expected EDGES behind DIFFERENT, found '(' @ line 1, column 46",
    ),
    (
        "g MATCH REPEATABLE EDGES (a) COLUMNS (1 AS one)",
        "expected ELEMENTS behind REPEATABLE, found 'EDGES' @ line 1, column 47",
    ),
    (
        "g MATCH (a) KEEP ANY SHORTEST COLUMNS (1 AS one)",
        "KEEP is not supported @ line 1, column 40 (write its words in front of each path pattern)",
    ),
    (
        "g MATCH (a) ONE ROW PER VERTEX (v) COLUMNS (1 AS one)",
        "ONE ROW PER NODE is not supported @ line 1, column 40 (name the path, p = ..., and ask for nodes(p))",
    ),
    (
        "g MATCH (a) ONE ROW PER STEP (v, e, w) COLUMNS (1 AS one)",
        "ONE ROW PER STEP is not supported @ line 1, column 40 (name the path, p = ..., and ask for nodes(p) and edges(p))",
    ),
    (
        "g MATCH (a) ONE ROW PER PATH COLUMNS (1 AS one)",
        "expected MATCH behind ONE ROW PER, found 'PATH' @ line 1, column 52",
    ),
    (
        "g MATCH (a) EXPORT ALL SINGLETONS COLUMNS (1 AS one)",
        "EXPORT is not supported @ line 1, column 40 (write v.* in COLUMNS)",
    ),
    ("g MATCH (a) WHERE COLUMNS (1 AS one)", "expected an expression, found 'COLUMNS' @ line 1, column 46"),
    (
        "g MATCH (a) WHERE true LIMIT 1 COLUMNS (1 AS one)",
        "expected COLUMNS, found 'LIMIT' @ line 1, column 51",
    ),
    (
        "g MATCH (a)--(b) COLUMNS (1 AS one)",
        "a comment in the place of an edge @ line 1, column 39 (-- begins a comment: an edge in either direction is -[]- or -)",
    ),
    (
        "g MATCH (a)--(b)\n COLUMNS (1 AS one)",
        "a comment in the place of an edge @ line 1, column 39 (-- begins a comment: an edge in either direction is -[]- or -)",
    ),
    (
        "g MATCH (a)<--(b)\n COLUMNS (1 AS one)",
        "a comment in the place of an edge @ line 1, column 40 (-- begins a comment: an edge in either direction is -[]- or -)",
    ),
    (
        "g MATCH (a)\n -[e]->(b WHERE b.x = 1 b.y) COLUMNS (1 AS one)",
        "expected ')' to end the node pattern that begins at line 2, column 8, found 'b' @ line 2, column 25",
    ),
    (
        "g MATCH (a)->\n\n  (b IS x y) COLUMNS (1 AS one)",
        "expected '|', '&', WHERE or ')' to end the node pattern that begins at line 3, column 3, found 'y' @ line 3, column 11",
    ),
    (
        "g MATCH (\"é\")->\n (é é) COLUMNS (1 AS one)",
        "expected IS, ':', WHERE or ')' to end the node pattern that begins at line 2, column 2, found 'é' @ line 2, column 5",
    ),
    ("g. MATCH (a) COLUMNS (1 AS one)", "expected MATCH, found '(' @ line 1, column 37"),
    ("'g' MATCH (a) COLUMNS (1 AS one)", "expected the name of a graph, found ''g'' @ line 1, column 28"),
    ("g MATCH ((a)->(b) WHERE) COLUMNS (1 AS one)", "expected an expression, found ')' @ line 1, column 51"),
    (
        "g MATCH ((a)->(b) c) COLUMNS (1 AS one)",
        "expected an edge pattern, WHERE, COST or ')' to end the path pattern that begins at line 1, column 36, found 'c' @ line 1, column 46",
    ),
    (
        "g MATCH ((a)->(b) COLUMNS (1 AS one)",
        "expected an edge pattern, WHERE, COST or ')' to end the path pattern that begins at line 1, column 36, found 'COLUMNS' @ line 1, column 46",
    ),
    (
        "g MATCH (a WHERE a.x IN (1, 2) COLUMNS (1 AS one)",
        "expected ')' to end the node pattern that begins at line 1, column 36, found 'COLUMNS' @ line 1, column 59",
    ),
    (
        "g MATCH (a WHERE EXISTS (SELECT)) COLUMNS (1 AS one)",
        "expected an expression, found ')' @ line 1, column 59",
    ),
    (
        "g MATCH (a WHERE a.x ==> 1) COLUMNS (1 AS one)",
        "expected an expression, found '>' @ line 1, column 51",
    ),
    (
        "g MATCH (a)-/* c */[e]->(b) COLUMNS (1 AS one)",
        "a comment that begins in an operator @ line 1, column 39 (put a space before the comment)",
    ),
    (
        "g MATCH (a)-[e]--(b)\n COLUMNS (1 AS one)",
        "a comment in the place of an edge @ line 1, column 43 (-- begins a comment: an edge in either direction is -[]- or -)",
    ),
    (
        "g MATCH (c WHERE c.* IS NOT NULL) COLUMNS (c.x)",
        "'*' stands for no value @ line 1, column 47 (name a property, or write v.* as a column of its own)",
    ),
    (
        "g MATCH (c) WHERE c.x = c.* COLUMNS (c.x)",
        "'*' stands for no value @ line 1, column 54 (name a property, or write v.* as a column of its own)",
    ),
];
