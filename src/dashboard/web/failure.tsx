/** What went wrong, said at once to whoever listens to the page. */

export function Failure({ text }: { readonly text: string | null }) {
  if (text === null) return null;
  return (
    <p className="banner bad" role="alert">
      {text}
    </p>
  );
}
