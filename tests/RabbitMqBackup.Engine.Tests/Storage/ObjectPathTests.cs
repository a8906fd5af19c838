using RabbitMqBackup.Engine.Storage;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Storage;

public sealed class ObjectPathTests
{
    [Theory]
    [InlineData("a")]
    [InlineData("a/b.c/-_")]
    [InlineData("...")]
    [InlineData("a b/%2e%2e/\U0001F407")]
    public void A_relative_path_of_names_is_taken_as_it_is(string path)
    {
        Assert.Equal(path, ObjectPath.Parse(path).ToString());
        Assert.True(ObjectPath.TryParse(path, out ObjectPath parsed));
        Assert.Equal(ObjectPath.Parse(path), parsed);
    }

    [Theory]
    [InlineData("")]
    [InlineData("/a")]
    [InlineData("a/")]
    [InlineData("a//b")]
    [InlineData(".")]
    [InlineData("a/./b")]
    [InlineData("..")]
    [InlineData("../a")]
    [InlineData("a/../../b")]
    [InlineData("a\\b")]
    [InlineData("..\\b")]
    [InlineData("c:/x")]
    [InlineData("file:stream")]
    [InlineData("a\0")]
    [InlineData("a\nb")]
    [InlineData("a\u0085b")]
    public void What_could_leave_the_prefix_or_has_no_portable_name_is_refused(string path)
    {
        Assert.False(ObjectPath.TryParse(path, out _));
        Assert.Throws<ArgumentException>(() => ObjectPath.Parse(path));
    }

    [Fact]
    public void Half_a_surrogate_pair_is_refused()
    {
        // Not as attributes: their strings are stored as UTF-8.
        foreach (string path in new[] { "a\uD800b", "a\uDC00", "\uDC07\uD83D" })
        {
            Assert.False(ObjectPath.TryParse(path, out _));
        }
    }

    [Fact]
    public void The_length_is_counted_in_bytes()
    {
        Assert.True(ObjectPath.TryParse(new string('é', ObjectPath.MaxBytes / 2), out _));
        Assert.False(ObjectPath.TryParse(new string('é', (ObjectPath.MaxBytes / 2) + 1), out _));
    }

    [Fact]
    public void Listings_order_as_UTF8_does()
    {
        string[] keys = ["a", "a/", "a/b", "ab", "é", "\uE000", "\uFFFD", "\U00010000", "\U0001F407", "\U0001F408"];

        Assert.Equal(keys, keys.Reverse().Order(ObjectOrder.Instance));
        Assert.Equal(keys, keys.OrderBy(System.Text.Encoding.UTF8.GetBytes, Comparer<byte[]>.Create((a, b) => a.AsSpan().SequenceCompareTo(b))));
    }
}
