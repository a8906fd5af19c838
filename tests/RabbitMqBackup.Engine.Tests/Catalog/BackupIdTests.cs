using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Storage;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Catalog;

public sealed class BackupIdTests
{
    [Fact]
    public void New_ids_are_valid_differ_and_sort_by_time()
    {
        DateTimeOffset start = new(2026, 11, 23, 18, 7, 2, 999, TimeSpan.FromHours(5));
        string[] ids = [.. Enumerable.Range(0, 50).Select(i => BackupId.New(new StoppedClock(start.AddMilliseconds(i * 400))))];

        Assert.All(ids, id => Assert.True(BackupId.IsValid(id) && ObjectPath.TryParse(id, out _), id));
        Assert.Equal(ids, ids.Order(StringComparer.Ordinal));
        Assert.StartsWith("20261123-130702-999-", ids[0]);
        Assert.NotEqual(BackupId.New(new StoppedClock(start)), BackupId.New(new StoppedClock(start)));
    }

    [Theory]
    [InlineData("a")]
    [InlineData("Nightly-2026.11.23_prod")]
    [InlineData("com10")]
    public void A_portable_name_can_be_an_id(string id) => Assert.Equal(id, BackupId.Check(id));

    [Theory]
    [InlineData("")]
    [InlineData(".")]
    [InlineData("..")]
    [InlineData("a/b")]
    [InlineData("a\\b")]
    [InlineData("../a")]
    [InlineData("_leases")]
    [InlineData("-a")]
    [InlineData(".a")]
    [InlineData("a.")]
    [InlineData("a b")]
    [InlineData("a:b")]
    [InlineData("ä")]
    [InlineData("a\n")]
    [InlineData("nul")]
    [InlineData("COM1.x")]
    public void A_name_that_is_not_portable_is_refused(string id)
    {
        Assert.False(BackupId.IsValid(id));
        Assert.Throws<ArgumentException>(() => BackupId.Check(id));
    }

    [Fact]
    public void An_id_has_a_greatest_length()
    {
        Assert.True(BackupId.IsValid(new string('a', BackupId.MaxLength)));
        Assert.False(BackupId.IsValid(new string('a', BackupId.MaxLength + 1)));
        Assert.False(BackupId.IsValid(null));
    }

    private sealed class StoppedClock(DateTimeOffset now) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => now;
    }
}
