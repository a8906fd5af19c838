BeforeAll {
    $manifest = (Resolve-Path (Join-Path $PSScriptRoot .. .. RabbitMqBackup.psd1)).Path
    Import-Module $manifest -Force

    # A process of its own, so that nothing is loaded yet. By its folder: installed as a .NET tool, this one's own process is dotnet.
    function Invoke-NewProcess([string] $Script) {
        & (Join-Path $PSHOME pwsh) -NoProfile -NonInteractive -Command $Script
    }
}

Describe 'The module' {
    It 'has a valid manifest that names every command' {
        $module = Test-ModuleManifest $manifest
        $module.ExportedCmdlets.Count | Should -Be (Get-Command -Module RabbitMqBackup).Count
        $module.ExportedCmdlets.Count | Should -BeGreaterThan 10
    }

    It 'works after Import-Module -Force, and after removal and import' {
        Import-Module $manifest -Force
        (New-RabbitConnection).Uri | Should -Be 'amqp://localhost:5672'
        Remove-Module RabbitMqBackup
        Import-Module $manifest
        (New-RabbitConnection).Uri | Should -Be 'amqp://localhost:5672'
    }

    It 'works in parallel runspaces, thread jobs and jobs' {
        $uris = 1..4 | ForEach-Object -Parallel { Import-Module $using:manifest; (New-RabbitConnection "amqp://h$_").ToString() }
        $uris | Sort-Object | Should -Be 'amqp://h1:5672', 'amqp://h2:5672', 'amqp://h3:5672', 'amqp://h4:5672'
        $job = Start-Job { Import-Module $using:manifest; New-RabbitConnection amqp://h }
        (Receive-Job $job -Wait -AutoRemoveJob).UserName | Should -Be 'guest'
    }

    It 'works beside another version of <_>' -ForEach 'ZstdSharp', 'RabbitMQ.Client', 'K4os.Compression.LZ4' {
        $store = New-Item -ItemType Directory (Join-Path $TestDrive "empty-$_")
        $answer = Invoke-NewProcess @"
            `$code = '[assembly: System.Reflection.AssemblyVersion("0.0.1.0")] public static class Old { }'
            Add-Type -TypeDefinition `$code -OutputAssembly '$TestDrive/$_.dll'
            [System.Reflection.Assembly]::LoadFrom('$TestDrive/$_.dll').GetName().Version.ToString()
            Import-Module '$manifest'
            Get-RabbitBackup '$store' no-such-backup -ErrorAction SilentlyContinue -ErrorVariable problem
            `$problem[0].FullyQualifiedErrorId
"@
        $answer | Should -Be '0.0.1.0', 'BackupNotFound,RabbitMqBackup.Cmdlets.Commands.GetRabbitBackupCommand'
    }

    It 'has help with examples for <_>' -ForEach (Import-PowerShellDataFile (Join-Path $PSScriptRoot .. .. RabbitMqBackup.psd1)).CmdletsToExport {
        $help = Get-Help $_ -Full
        $help.Description | Should -Not -BeNullOrEmpty
        @($help.examples.example).Count | Should -BeGreaterThan 0
    }
}

Describe 'New-RabbitConnection' {
    It 'never shows a password' {
        $connection = New-RabbitConnection 'amqps://ops:geheim@host/prod'
        $connection | Format-List * | Out-String | Should -Not -Match 'geheim'
        $connection | ConvertTo-Json -Depth 5 | Should -Not -Match 'geheim'
        "$connection" | Should -Be 'amqps://host:5671/prod'
    }

    It 'refuses <_> without quoting it' -ForEach 'http://u:geheim@host', 'amqp://u:geheim', 'amqp://u:ge/heim@host' {
        { New-RabbitConnection $_ -ErrorAction Stop } | Should -Throw -ErrorId 'InvalidArgument,*'
        $Error[0].Exception.Message | Should -Not -Match 'heim'
    }
}
