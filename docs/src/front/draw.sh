#!/usr/bin/env bash
# Draws speed.svg from speed.txt, and writes rustdoc.txt, which gives the links to the pictures in README.md another target
# in rustdoc: the pictures themselves, since rustdoc copies no files.
set -euo pipefail
cd "$(dirname "$0")"

awk '
    BEGIN { FS = "\t"; left = 130; scale = 420; y = 44 }
    /^#/ || /^$/ { next }
    /^\[/ {
        y += 24
        body = body sprintf("  <text class=\"title\" x=\"16\" y=\"%d\">%s</text>\n", y, substr($0, 2, length($0) - 2))
        y += 6
        next
    }
    {
        if ($2 > most) most = $2
        kind = $1 == "slotsync" ? "ours" : "peer"
        bars[++count] = kind FS y FS $2
        body = body sprintf("  <text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>\n", left - 8, y + 11, $1)
        y += 16
    }
    END {
        if (most * scale > 560) scale = 560 / most
        height = y + 16
        printf "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 760 %d\" role=\"img\" aria-labelledby=\"title\"\n", height
        print  "     font-family=\"system-ui, -apple-system, '\''Segoe UI'\'', '\''DejaVu Sans'\'', sans-serif\" font-size=\"12\">"
        print  "  <title id=\"title\">Throughput of locks, as a multiple of slotsync'\''s</title>"
        print  "  <!-- Made from speed.txt by draw.sh: change that, not this. -->"
        print  "  <style>"
        print  "    .page { fill: #ffffff } .ours { fill: #d98a1f } .peer { fill: #8593a6 } .one { stroke: #566475; stroke-dasharray: 3 3 }"
        print  "    text { fill: #1c2733 } .title { font-weight: 600 } .head { font-weight: 600; font-size: 15px }"
        print  "    @media (prefers-color-scheme: dark) {"
        print  "      .page { fill: #14191f } .peer { fill: #66758a } .one { stroke: #a4b1c1 } text { fill: #e4e9ef }"
        print  "    }"
        print  "  </style>"
        printf "  <rect class=\"page\" width=\"760\" height=\"%d\" rx=\"8\"/>\n", height
        print  "  <text class=\"head\" x=\"16\" y=\"30\">Operations per second, as a multiple of slotsync'\''s lock (longer is faster)</text>"
        printf "%s", body
        for (i = 1; i <= count; i++) {
            split(bars[i], bar, FS)
            width = bar[3] * scale
            printf "  <rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"13\" rx=\"2\"/>\n", bar[1], left, bar[2], width
            printf "  <text x=\"%d\" y=\"%d\" text-anchor=\"end\">%.2f</text>\n", left + most * scale + 42, bar[2] + 11, bar[3]
        }
        printf "  <path class=\"one\" d=\"M%.1f 44 V%d\"/>\n", left + scale, height - 10
        print  "</svg>"
    }
' speed.txt >speed.svg

for picture in picture speed; do
    printf '[%s]: data:image/svg+xml;base64,%s\n' "$picture" "$(base64 -w0 <"$picture.svg")"
done >rustdoc.txt
