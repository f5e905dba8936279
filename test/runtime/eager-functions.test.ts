/**
 * Functions in parentheses do what they did before, and the source map follows them.
 */
import { originalPositionFor, TraceMap } from '@jridgewell/trace-mapping';
import MagicString from 'magic-string';
import { describe, expect, it } from 'vitest';
import { eagerFunctions } from '../../scripts/eager-functions.mjs';

const MODULE = `function sum(a,b=two()){return a+b}
const two=()=>2,curry=a=>b=>c=>[a,b,c],make=({a})=>({a}),rest=(...all)=>all.length;
export const results=[sum(2,3),sum(1),[1,2].map(a=>a*2),curry(1)(2)(3),make({a:1}).a,early()];
export default async function(){return[await later(4),[...numbers()],rest(1,2,3),new Counter().up(),object.twice,object.half(8)]}
async function later(a){return await(async()=>a+1)()}
function*numbers(){yield*[1,2].map(function(a){return-a})}
class Counter{count=0;add=a=>this.count+=a;up(){return[1,2].forEach(a=>this.add(a)),this.count}}
const object={one:1,get twice(){return 2*this.one},half(a){return(()=>arguments[0])()/2}};
function early(){return 'declared below'}
export{later as soon};
`;

const importOf = (code: string) => import(/* @vite-ignore */ `data:text/javascript,${encodeURIComponent(code)}`);
const identityMap = (code: string) => new MagicString(code).generateMap({ source: 'module.js', hires: true });

describe('functions in parentheses', () => {
  const { code, map } = eagerFunctions(MODULE, identityMap(MODULE).toString(), 0);

  it('give what they gave', async () => {
    const [before, after] = await Promise.all([importOf(MODULE), importOf(code)]);
    expect(before.results).toEqual([5, 3, [2, 4], [1, 2, 3], 1, 'declared below']);
    expect(after.results).toEqual(before.results);
    expect(await before.default()).toEqual([5, [-1, -2], 3, 3, 2, 4]);
    expect(await after.default()).toEqual(await before.default());
    expect(await after.soon(1)).toBe(2);
  });

  it('are all in parentheses but for those that take `this` or `arguments` from around them', () => {
    expect(code.match(/=>/g)).toHaveLength(3);
    expect(code).toContain('(function(a){return a*2})');
    expect(code).toContain('(function(a){return (function(b){return (function(c){return [a,b,c]})})})');
  });

  it('are the longer ones, where not all are asked for', () => {
    const longer = eagerFunctions(MODULE, identityMap(MODULE).toString(), 8).code;
    expect(longer).toContain('[1,2].map(a=>a*2)');
    expect(longer).toContain('(function(b){return (function(c){return [a,b,c]})})');
  });

  it('are where the source map says', () => {
    const traced = new TraceMap(map);
    for (const name of ['a*2', 'yield*', 'this.count+=a', 'await later']) {
      const place = code.slice(0, code.indexOf(name)).split('\n');
      const wanted = MODULE.slice(0, MODULE.indexOf(name)).split('\n');
      const found = originalPositionFor(traced, { line: place.length, column: place.at(-1)!.length });
      expect(found.line).toBe(wanted.length);
      expect(Math.abs(found.column! - wanted.at(-1)!.length)).toBeLessThan(8);
    }
  });
});
