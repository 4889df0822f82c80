/** What we use of other people's modules (vendor.lock.json); they lie minified under static/webui/vendor. */
declare module "marked" {
  export type Token = { type: string; raw: string; [field: string]: any };
  export class Marked {
    constructor(options: object);
    lexer(text: string): Token[] & { links: Record<string, unknown> };
    parser(tokens: Token[]): string;
  }
}

declare module "dompurify" {
  const DOMPurify: { sanitize(dirty: string | Node, options: object): DocumentFragment };
  export default DOMPurify;
}

declare module "highlight" {
  const hljs: {
    getLanguage(name: string): object | undefined;
    highlight(text: string, options: { language: string; ignoreIllegals: boolean }): { value: string };
  };
  export default hljs;
}

declare module "temml" {
  const temml: { render(formula: string, place: Element, options: object): void };
  export default temml;
}
