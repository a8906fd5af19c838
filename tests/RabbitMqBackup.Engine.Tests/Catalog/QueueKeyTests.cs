using System.Globalization;
using System.Text;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Format;
using RabbitMqBackup.Engine.Storage;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Catalog;

public sealed class QueueKeyTests
{
    [Theory]
    [InlineData("/", "orders", "queues/_default/orders")]
    [InlineData("_default", "_default", "queues/%5fdefault/_default")]
    [InlineData("_DEFAULT", "a", "queues/_DEFAULT!fe/a")]
    [InlineData("", "a", "queues/%/a")]
    [InlineData("%", "%2f", "queues/%25/%252f")]
    [InlineData("prod-eu.1_a", "a.b-c_d.0", "queues/prod-eu.1_a/a.b-c_d.0")]
    [InlineData("v", "Orders", "queues/v/Orders!8")]
    [InlineData("v", "ORDERS", "queues/v/ORDERS!fc")]
    [InlineData("v", "myQueue.InvoiceCreated", "queues/v/myQueue.InvoiceCreated!2102")]
    [InlineData("v", "/", "queues/v/%2f")]
    [InlineData("v", "a/b\\c:d?e*f\"g<h>i|j%k", "queues/v/a%2fb%5cc%3ad%3fe%2af%22g%3ch%3ei%7cj%25k")]
    [InlineData("v", " a b ", "queues/v/%20a%20b%20")]
    [InlineData("v", ".a.b.", "queues/v/%2ea.b%2e")]
    [InlineData("v", ".", "queues/v/%2e")]
    [InlineData("v", "..", "queues/v/%2e%2e")]
    [InlineData("v", "...", "queues/v/%2e.%2e")]
    [InlineData("v", "con", "queues/v/%63on")]
    [InlineData("v", "NUL.tar", "queues/v/%4eUL.tar!c")]
    [InlineData("v", "com1", "queues/v/%63om1")]
    [InlineData("v", "com10", "queues/v/com10")]
    [InlineData("v", "console", "queues/v/console")]
    [InlineData("v", "a\0\n\u007f", "queues/v/a%00%0a%7f")]
    [InlineData("v", "é", "queues/v/%c3%a9")]
    [InlineData("v", "e\u0301", "queues/v/e%cc%81")]
    [InlineData("v", "orders~1", "queues/v/orders%7e1")]
    [InlineData("v", "a!8", "queues/v/a%218")]
    public void A_queue_has_its_folder_and_the_folder_tells_the_queue(string virtualHost, string queue, string folder)
    {
        Assert.Equal(folder, QueueKey.Folder(virtualHost, queue));
        Assert.True(QueueKey.TryParse(folder, out string host, out string name));
        Assert.Equal((virtualHost, queue), (host, name));
    }

    [Fact]
    public void Segments_are_numbered_with_four_digits_or_more()
    {
        Assert.Equal("queues/_default/orders/segment-0001.zst", QueueKey.Segment("/", "orders", 1, SegmentCompression.Zstd));
        Assert.Equal("queues/_default/orders/segment-9999.lz4", QueueKey.Segment("/", "orders", 9999, SegmentCompression.Lz4));
        Assert.Equal("queues/_default/orders/segment-12345678901.raw", QueueKey.Segment("/", "orders", 12_345_678_901, SegmentCompression.None));
        Assert.True(QueueKey.TryParse("queues/_default/orders/segment-0001.zst", out string host, out string name));
        Assert.Equal(("/", "orders"), (host, name));
    }

    [Fact]
    public void A_name_that_is_too_long_keeps_its_beginning_and_gets_a_hash()
    {
        string plain = new('q', QueueKey.MaxComponent);
        Assert.Equal(plain, Component(plain));
        Assert.True(QueueKey.TryParse($"queues/v/{plain}", out _, out _));

        string[] names = [plain + "q", plain + "r", new string('é', 127), new string('é', 126) + "è", new string('日', 85), "Q" + plain[1..], new string('%', 255), new string('a', 72) + new string('é', 91)];
        string[] components = [.. names.Select(Component)];
        Assert.All(components, component => Assert.True(component.Length <= QueueKey.MaxComponent, component));
        Assert.Equal(names.Length, components.Distinct(StringComparer.OrdinalIgnoreCase).Count());
        Assert.All(components, component => Assert.Matches("^(?:[A-Za-z0-9._-]|%[0-9a-f]{2})+!![0-9a-f]{64}$", component));
        Assert.All(components, component => Assert.False(QueueKey.TryParse($"queues/v/{component}", out _, out _)));
        Assert.StartsWith(new string('q', 74) + "!!", components[0]);
    }

    [Fact]
    public void The_longest_names_fit_into_an_object_path()
    {
        string longest = $"{new string('i', BackupId.MaxLength)}/{QueueKey.Segment(new string('é', 127), new string('日', 85), long.MaxValue, SegmentCompression.Zstd)}";

        Assert.True(ObjectPath.TryParse(longest, out _));
    }

    [Theory]
    [InlineData("queues/v")]
    [InlineData("other/v/q")]
    [InlineData("queues//q")]
    [InlineData("queues/v/")]
    [InlineData("queues/v/Orders")]
    [InlineData("queues/v/Orders!9")]
    [InlineData("queues/v/Orders!80")]
    [InlineData("queues/v/orders!")]
    [InlineData("queues/v/orders!0")]
    [InlineData("queues/v/%6frders")]
    [InlineData("queues/v/%C3%A9")]
    [InlineData("queues/v/%c3")]
    [InlineData("queues/v/%c")]
    [InlineData("queues/v/%zz")]
    [InlineData("queues/v/% 1")]
    [InlineData("queues/v/a b")]
    [InlineData("queues/v/é")]
    [InlineData("queues/v/con")]
    [InlineData("queues/%2f/q")]
    [InlineData("queues/v/..")]
    public void A_path_that_no_queue_has_is_not_parsed(string key) => Assert.False(QueueKey.TryParse(key, out _, out _));

    [Fact]
    public void Names_that_are_not_UTF8_have_a_path_each()
    {
        string first = QueueKey.Folder("v"u8, [0x61, 0xff]), second = QueueKey.Folder("v"u8, [0x61, 0xfe]);

        Assert.Equal("queues/v/a%ff", first);
        Assert.NotEqual(first, second);
        Assert.False(QueueKey.TryParse(first, out _, out _));
        Assert.Throws<EncoderFallbackException>(() => QueueKey.Folder("v", "a\uD800"));
    }

    /// <summary>Many names close to each other: variants of case, normal form, dots, blanks, escapes and masks.</summary>
    [Fact]
    public void No_two_names_meet_even_where_case_or_normal_form_is_folded()
    {
        HashSet<string> names = [.. Neighbours()];
        Dictionary<string, string> seen = [];
        foreach (string name in names)
        {
            string component = Component(name);
            Assert.True(Ascii.IsValid(component), component);
            Assert.True(component.Length is > 0 and <= QueueKey.MaxComponent);
            Assert.False(WindowsNames.Refuses(component), component);
            Assert.True(ObjectPath.TryParse(component, out _), component);
            Assert.DoesNotContain('~', component);
            Assert.True(QueueKey.TryParse($"queues/{Host(name)}/{component}", out string host, out string back) || component.Contains("!!"), component);
            Assert.True(component.Contains("!!") || (host == name && back == name), component);

            // What a case-insensitive or normalising file system sees; the components are ASCII, so a normal form changes nothing.
            string folded = component.Normalize(NormalizationForm.FormKC).ToUpperInvariant();
            Assert.True(seen.TryAdd(folded, name), $"'{name}' and '{seen.GetValueOrDefault(folded)}' are both {component}");
            Assert.Equal(folded, component.ToLowerInvariant().ToUpperInvariant());
        }

        Assert.Equal(names.Count, names.Select(name => Host(name).ToUpperInvariant()).Distinct().Count());
        Assert.True(names.Count > 20_000);
    }

    private static string Component(string name) => QueueKey.Folder("v", name)["queues/v/".Length..];

    private static string Host(string name) => QueueKey.Folder(name, "q").Split('/')[1];

    private static IEnumerable<string> Neighbours()
    {
        string[] atoms =
        [
            "a", "A", "b", "B", "1", "8", ".", "-", "_", " ", "/", "\\", "%", "!", "~", ":", "?", "*", "\"", "<", ">", "|", "é", "É", "e\u0301", "E\u0301", "ß", "ẞ", "ss", "SS",
            "i", "I", "ı", "İ", "σ", "ς", "Σ", "ﬀ", "ﬁ", "K", "\u212A", "k", "Å", "\u212B", "con", "CON", "nul", "_default", "_DEFAULT", "%2f", "%61", "!8", "!!", "\0", "\t", "日", "\U0001F407",
        ];
        foreach (string first in atoms)
        {
            yield return first;
            foreach (string second in atoms)
            {
                yield return first + second;
            }
        }

        Random random = new(20261123);
        for (int i = 0; i < 20_000; i++)
        {
            StringBuilder name = new();
            for (int length = random.Next(3, 12); length > 0; length--)
            {
                name.Append(atoms[random.Next(atoms.Length)]);
            }

            yield return name.ToString();
            yield return name.ToString().ToUpper(CultureInfo.InvariantCulture);
            yield return string.Concat(Enumerable.Repeat(name.ToString(), 8));
        }
    }
}
