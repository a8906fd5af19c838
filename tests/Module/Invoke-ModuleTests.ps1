<#
.SYNOPSIS
    Runs the Pester tests of the built module against a real broker.
.DESCRIPTION
    The broker is the one that RABBITMQ_TEST_* names, else one that the tests' own host gets (Docker, or Debian's packages). Where there is none, the tests that
    need it are skipped with the reason. Exits with 1 when a test failed.
.PARAMETER CountsPath
    File that gets the numbers of passed, failed and skipped tests, for a script that sums up.
#>
[CmdletBinding()]
param([string] $CountsPath)

$ErrorActionPreference = 'Stop'
Import-Module Pester -MinimumVersion 5.0

$hostProject = Join-Path $PSScriptRoot .. RabbitMqBackup.TestHost
$broker = $null
if (-not $env:RABBITMQ_TEST_AMQP_PORT) {
    $start = [System.Diagnostics.ProcessStartInfo]::new('dotnet', [string[]]@('run', '--project', $hostProject))
    $start.RedirectStandardInput = $true
    $start.RedirectStandardOutput = $true
    $broker = [System.Diagnostics.Process]::Start($start)
    while ($null -ne ($line = $broker.StandardOutput.ReadLine()) -and $line -ne 'ready') {
        if ($line -match '^(RABBITMQ_TEST_\w+)=(.*)$') {
            Set-Item -Path "env:$($Matches[1])" -Value $Matches[2]
        }
    }
}

try {
    $run = Invoke-Pester -Path $PSScriptRoot -PassThru
}
finally {
    if ($broker) {
        # The broker lives until its host's standard input ends.
        $broker.StandardInput.Close()
        $broker.WaitForExit()
    }
}

$failed = $run.FailedCount + $run.FailedContainersCount + $run.FailedBlocksCount
if ($CountsPath) {
    "$($run.PassedCount) $failed $($run.SkippedCount + $run.NotRunCount)" | Set-Content $CountsPath
}

exit [int]($failed -gt 0)
