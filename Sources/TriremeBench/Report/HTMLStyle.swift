// The page's style sheet: two sets of colours, one layout that folds into a single column on a phone.

enum HTMLStyle {
    static let text = """
        :root{--page:#fbfbfa;--ink:#1c1e21;--dim:#5d636b;--rule:#e0e1e3;--card:#fff;--a:#1f6fb4;--b:#c2571a;--c:#8a2f7d;--d:#2b7f4f;--e:#6b6b6b}
        @media (prefers-color-scheme:dark){:root{--page:#15171a;--ink:#e7e8ea;--dim:#9aa1aa;--rule:#31353b;--card:#1c1f23;--a:#6db3f2;--b:#f2a36b;--c:#d993cf;--d:#7fcf9f;--e:#a5a5a5}}
        *{box-sizing:border-box}
        body{margin:0;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
        main{max-width:72rem;margin:0 auto;padding:1.25rem 1rem 3rem}
        h1{font-size:clamp(1.6rem,6vw,2.4rem);line-height:1.15;margin:0 0 .5rem;font-variant-numeric:tabular-nums}
        h2{font-size:1.15rem;margin:2.25rem 0 .75rem}
        p{margin:.25rem 0}.dim{color:var(--dim);font-size:.875rem}
        dl{display:grid;grid-template-columns:repeat(2,1fr);gap:.6rem;margin:1.25rem 0 0}
        dl div{background:var(--card);border:1px solid var(--rule);border-radius:.5rem;padding:.5rem .75rem}
        dt{color:var(--dim);font-size:.8rem}dd{margin:0;font-size:1.15rem;font-variant-numeric:tabular-nums}
        .charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,24rem),1fr));gap:.75rem;margin-bottom:.75rem}
        @media (min-width:44rem){dl{grid-template-columns:repeat(4,1fr)}}
        .charts figure:last-child:nth-child(odd){grid-column:1/-1}
        figure{margin:0;background:var(--card);border:1px solid var(--rule);border-radius:.5rem;padding:.6rem}
        figcaption{color:var(--dim);font-size:.85rem;padding:.1rem .3rem}
        svg{display:block;width:100%;height:auto;max-width:34rem;margin:0 auto}
        svg text{fill:var(--dim);font:12.5px system-ui,sans-serif;font-variant-numeric:tabular-nums}
        svg .t{fill:var(--ink);font-weight:600;font-size:14px}svg .y{text-anchor:end}svg .x{text-anchor:middle}
        .g{stroke:var(--rule);stroke-width:1;fill:none}.l{fill:none;stroke-width:2;stroke-linejoin:round}
        .a{--line:var(--a)}.b{--line:var(--b)}.c{--line:var(--c)}.d{--line:var(--d)}.e{--line:var(--e)}
        .l{stroke:var(--line)}.l.b{stroke-dasharray:7 3}.l.c{stroke-dasharray:2 3}.m{fill:var(--line)}
        .k{color:var(--ink);white-space:nowrap;margin-left:.6rem}
        .k::before{content:"";display:inline-block;width:.7em;height:.7em;border-radius:50%;background:var(--line);margin-right:.3em}
        .scroll{overflow-x:auto;margin-bottom:.5rem;background:var(--card);border:1px solid var(--rule);border-radius:.5rem}
        table{border-collapse:collapse;width:100%;font-size:.9rem;font-variant-numeric:tabular-nums}
        th,td{text-align:right;padding:.35rem .75rem;white-space:nowrap}
        th{color:var(--dim);font-weight:500;border-bottom:1px solid var(--rule)}
        .names th:first-child,.names td:first-child,.names th:last-child,.names td:last-child{text-align:left}
        tbody tr+tr td{border-top:1px solid var(--rule)}
        """
}
